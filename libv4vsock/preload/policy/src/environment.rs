//! What the environment says, for quick use: it goes before the file.

use crate::BadPolicy;
use crate::policy::{OnError, Policy};
use std::str::FromStr;

/// Names the policy file; empty: none.
pub const POLICY_VAR: &str = "V4V_WRAPPER_POLICY";
/// Peers beside the file's: `10.0.0.2=gpu,10.0.0.3=7`.
pub const PEERS_VAR: &str = "V4V_PEERS";
/// The mode: `fallback`, `only` or `off`.
pub const MODE_VAR: &str = "V4V_WRAPPER_MODE";
/// The ports that listeners serve: `all`, `none`, `80,5000-5010`.
pub const LISTEN_VAR: &str = "V4V_WRAPPER_LISTEN";
/// What happens on a mistake: `continue` or `refuse`.
pub const ON_ERROR_VAR: &str = "V4V_WRAPPER_ON_ERROR";

/// Overrides `policy` by what the environment says. `variable` looks a variable up.
///
/// # Errors
/// [`BadPolicy`], with the variable.
pub(crate) fn apply(policy: &mut Policy, variable: impl Fn(&str) -> Option<String>) -> Result<(), BadPolicy> {
    let value = |name| variable(name).filter(|v| !v.is_empty());
    if let Some(text) = value(MODE_VAR) {
        policy.mode = parse(MODE_VAR, &text)?;
    }
    if let Some(text) = value(LISTEN_VAR) {
        policy.listen = parse(LISTEN_VAR, &text)?;
    }
    if let Some(text) = value(PEERS_VAR) {
        for peer in text.split(',').map(str::trim).filter(|p| !p.is_empty()) {
            policy.set_peer(parse(PEERS_VAR, peer)?);
        }
    }
    Ok(())
}

/// What the environment says about mistakes.
///
/// # Errors
/// [`BadPolicy`].
pub(crate) fn on_error(variable: impl Fn(&str) -> Option<String>) -> Result<Option<OnError>, BadPolicy> {
    match variable(ON_ERROR_VAR).filter(|v| !v.is_empty()) {
        Some(text) => parse(ON_ERROR_VAR, &text).map(Some),
        None => Ok(None),
    }
}

fn parse<T: FromStr<Err = String>>(name: &str, text: &str) -> Result<T, BadPolicy> {
    text.parse().map_err(|what| BadPolicy(format!("{name}: {what}")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::Mode;

    fn with(pairs: &[(&str, &str)]) -> Result<Policy, BadPolicy> {
        let mut policy = Policy::default();
        apply(&mut policy, |name| {
            pairs
                .iter()
                .find(|(n, _)| *n == name)
                .map(|(_, v)| (*v).to_owned())
        })?;
        Ok(policy)
    }

    #[test]
    fn variables_override() {
        let policy = with(&[
            (MODE_VAR, "only"),
            (PEERS_VAR, "10.0.0.2=gpu, fd00::3=3,"),
            (LISTEN_VAR, "none"),
        ]);
        let policy = policy.expect("a policy");
        assert_eq!((policy.mode, policy.peers().len()), (Mode::Only, 2));
        assert!(!policy.listen.contain(80));
    }

    #[test]
    fn a_mistake_names_the_variable() {
        let error = with(&[(PEERS_VAR, "10.0.0.2")])
            .expect_err("no domain")
            .to_string();
        assert!(
            error.starts_with("V4V_PEERS: ") && error.contains("ADDRESS=DOMAIN"),
            "{error}"
        );
    }
}
