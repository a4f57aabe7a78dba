//! Medians, spreads and a permutation test: small, exact in what they say, without a library.

/// The middle value, or the mean of the two middle ones. Zero for no values at all.
#[must_use]
pub fn median(values: &[f64]) -> f64 {
    quantile(values, 0.5)
}

/// The value below which the part `q` (0 to 1) of `values` lies, interpolated between neighbours.
#[must_use]
pub fn quantile(values: &[f64], q: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let Some(last) = sorted.len().checked_sub(1) else {
        return 0.0;
    };
    let place = q.clamp(0.0, 1.0) * last as f64;
    let (below, above) = (sorted[place.floor() as usize], sorted[place.ceil() as usize]);
    below + (above - below) * place.fract()
}

/// Median of the ratios of values that were measured side by side: what drifts from pair to pair cancels out.
#[must_use]
pub fn paired_ratio(numerators: &[f64], denominators: &[f64]) -> f64 {
    let pairs = numerators.iter().zip(denominators).filter(|(_, d)| **d > 0.0);
    median(&pairs.map(|(n, d)| n / d).collect::<Vec<_>>())
}

/// The number of random relabellings beyond which more would not change a verdict.
const RELABELLINGS: u32 = 20_000;

/// How often chance alone would part two sets of equal origin as far as these are apart (two-sided p-value).
///
/// The distance is that of the mean ranks, as in the test of Mann and Whitney: one run that a busy machine slowed down
/// tenfold counts no more than any other slow run. All relabellings are tried where there are at most 20 000 of them,
/// else that many random ones from a fixed seed, so that one set of figures always has one p-value. The smallest p that
/// `n` values a side can reach is 2 / C(2n, n): 0.1 for three, 0.008 for five, 0.00001 for ten.
#[must_use]
pub fn permutation_test(a: &[f64], b: &[f64]) -> f64 {
    if a.is_empty() || b.is_empty() {
        return 1.0;
    }
    let values: Vec<f64> = a.iter().chain(b).copied().collect();
    let pool = ranks(&values);
    let observed = distance(&pool[..a.len()], &pool[a.len()..]) * (1.0 - 1e-12);
    match combinations(pool.len(), a.len()) {
        Some(count) if count <= u64::from(RELABELLINGS) => exact(&pool, a.len(), observed),
        _ => sampled(pool, a.len(), observed),
    }
}

/// The rank of each value among all, equal values sharing the mean of theirs.
fn ranks(values: &[f64]) -> Vec<f64> {
    let rank = |value: &f64| {
        let below = values.iter().filter(|other| *other < value).count();
        let equal = values.iter().filter(|other| *other == value).count();
        below as f64 + (equal as f64 - 1.0) / 2.0
    };
    values.iter().map(rank).collect()
}

fn distance(a: &[f64], b: &[f64]) -> f64 {
    let mean = |ranks: &[f64]| ranks.iter().sum::<f64>() / ranks.len() as f64;
    (mean(a) - mean(b)).abs()
}

/// n over k, or `None` where it does not fit.
fn combinations(n: usize, k: usize) -> Option<u64> {
    (0..k.min(n - k) as u64).try_fold(1_u64, |c, i| c.checked_mul(n as u64 - i).map(|c| c / (i + 1)))
}

fn exact(pool: &[f64], size: usize, observed: f64) -> f64 {
    let (mut hits, mut total) = (0_u32, 0_u32);
    let mut chosen: Vec<usize> = (0..size).collect();
    loop {
        total += 1;
        hits += u32::from(split_distance(pool, &chosen) >= observed);
        if !next_combination(&mut chosen, pool.len()) {
            return f64::from(hits) / f64::from(total);
        }
    }
}

fn split_distance(pool: &[f64], chosen: &[usize]) -> f64 {
    let (mut left, mut right) = (Vec::new(), Vec::new());
    for (place, &value) in pool.iter().enumerate() {
        if chosen.contains(&place) {
            left.push(value)
        } else {
            right.push(value)
        }
    }
    distance(&left, &right)
}

/// Steps to the next choice of places in lexical order; false after the last.
fn next_combination(chosen: &mut [usize], n: usize) -> bool {
    let size = chosen.len();
    let Some(i) = (0..size).rev().find(|&i| chosen[i] < n - size + i) else {
        return false;
    };
    chosen[i] += 1;
    for j in i + 1..size {
        chosen[j] = chosen[j - 1] + 1;
    }
    true
}

fn sampled(mut pool: Vec<f64>, size: usize, observed: f64) -> f64 {
    let mut random = SplitMix(0x56_34_56);
    let mut hits = 1_u32; // the observed labelling is one of those possible, so p is never 0
    for _ in 0..RELABELLINGS {
        for i in (1..pool.len()).rev() {
            pool.swap(i, random.below(i + 1));
        }
        hits += u32::from(distance(&pool[..size], &pool[size..]) >= observed);
    }
    f64::from(hits) / f64::from(RELABELLINGS + 1)
}

/// SplitMix64 (Steele, Lea and Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014).
struct SplitMix(u64);

impl SplitMix {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `bound`; the bias of at most bound / 2^64 is far below anything that a test could see.
    fn below(&mut self, bound: usize) -> usize {
        ((u128::from(self.next()) * bound as u128) >> 64) as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn medians_and_quantiles() {
        assert_eq!(median(&[]), 0.0);
        assert_eq!(median(&[3.0]), 3.0);
        assert_eq!(median(&[9.0, 1.0, 5.0]), 5.0);
        assert_eq!(median(&[4.0, 1.0, 2.0, 3.0]), 2.5);
        assert_eq!(quantile(&[0.0, 1.0, 2.0, 3.0, 4.0], 0.25), 1.0);
        assert_eq!(quantile(&[1.0, 2.0], 1.0), 2.0);
    }

    #[test]
    fn paired_ratio_cancels_drift() {
        assert_eq!(paired_ratio(&[2.0, 4.0, 80.0], &[1.0, 2.0, 40.0]), 2.0);
        assert_eq!(paired_ratio(&[2.0], &[0.0]), 0.0);
    }

    #[test]
    fn combinations_are_counted_or_refused() {
        assert_eq!(combinations(10, 5), Some(252));
        assert_eq!(combinations(5, 0), Some(1));
        assert_eq!(combinations(200, 100), None);
    }

    #[test]
    fn every_combination_comes_once() {
        let mut chosen = vec![0, 1];
        let mut seen = vec![chosen.clone()];
        while next_combination(&mut chosen, 4) {
            seen.push(chosen.clone());
        }
        assert_eq!(seen, [[0, 1], [0, 2], [0, 3], [1, 2], [1, 3], [2, 3]]);
    }

    #[test]
    fn sets_apart_reach_the_smallest_p_and_equal_sets_the_largest() {
        let low = [1.0, 1.1, 1.2, 1.3, 1.4];
        let high = low.map(|v| v + 10.0);
        assert!((permutation_test(&low, &high) - 2.0 / 252.0).abs() < 1e-9);
        assert_eq!(permutation_test(&low, &low), 1.0);
        assert_eq!(permutation_test(&low, &[]), 1.0);
    }

    #[test]
    fn one_wild_value_decides_nothing() {
        let steady = [1.0, 1.1, 1.2, 1.3, 1.4];
        assert!(permutation_test(&steady, &[1.05, 1.15, 1.25, 1.35, 1e9]) > 0.3);
        assert_eq!(ranks(&[5.0, 1.0, 5.0]), [1.5, 0.0, 1.5]);
    }

    #[test]
    fn random_relabellings_agree_with_all_of_them() {
        let a = [1.0, 2.0, 3.5, 4.0, 5.0, 6.5];
        let b = [3.0, 4.5, 5.5, 6.0, 7.0, 8.0];
        let values: Vec<f64> = a.iter().chain(&b).copied().collect();
        let pool = ranks(&values);
        let observed = distance(&pool[..6], &pool[6..]) * (1.0 - 1e-12);
        let (all, some) = (exact(&pool, 6, observed), sampled(pool.clone(), 6, observed));
        assert!((all - some).abs() < 0.02, "{all} {some}");
    }

    #[test]
    fn chance_is_called_significant_as_rarely_as_claimed() {
        let mut random = SplitMix(7);
        let mut draw = || (0..5).map(|_| random.below(1_000_000) as f64).collect::<Vec<_>>();
        let alarms = (0..400)
            .filter(|_| permutation_test(&draw(), &draw()) < 0.05)
            .count();
        assert!(alarms < 40, "{alarms} of 400 at p < 0.05");
    }

    proptest! {
        #[test]
        fn p_is_a_probability_and_symmetric(
            a in prop::collection::vec(0.0..10.0_f64, 1..6),
            b in prop::collection::vec(0.0..10.0_f64, 1..6),
        ) {
            let p = permutation_test(&a, &b);
            prop_assert!(p > 0.0 && p <= 1.0);
            prop_assert!((p - permutation_test(&b, &a)).abs() < 1e-9);
        }

        #[test]
        fn median_lies_between_the_ends(values in prop::collection::vec(-1e6..1e6_f64, 1..40)) {
            let m = median(&values);
            prop_assert!(values.iter().any(|v| *v <= m) && values.iter().any(|v| *v >= m));
        }
    }
}
