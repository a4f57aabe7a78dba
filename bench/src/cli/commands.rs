//! Each subcommand: measure, then print.

use super::{Cli, Command, Common, Compare, Pairs, Plot, Sweep, Targets};
use serde::Serialize;
use std::io::{self, Error, Write};
use std::time::Duration;
use v4v_bench::measure::{Kind, Probe, aggregate, side_by_side};
use v4v_bench::netpipe::{self, Lane, Plan};
use v4v_bench::peer::{self, Session};
use v4v_bench::progress::Progress;
use v4v_bench::sample::MEGABYTE;
use v4v_bench::transport::Path;
use v4v_bench::{Sample, baseline, compare, cpu, daemon, plot, sizes, stats, table, targets};

/// Does what the user asked for.
pub(crate) fn run(cli: Cli) -> io::Result<()> {
    let json = cli.json;
    match cli.command {
        Command::End { end } => peer::run_end(&end),
        Command::Sweep(options) => sweep(&options, json),
        Command::Latency { common, bytes } => measure(&common, Kind::Latency, &bytes, json),
        Command::Stream { common, bytes } | Command::Rate { common, bytes } => {
            measure(&common, Kind::Stream, &bytes, json)
        }
        Command::Wake { common } => measure(&common, Kind::Wake, &[1], json),
        Command::Pairs(options) => pairs(&options, json),
        Command::Baseline => hardware(json),
        Command::Targets(options) => all_targets(&options, json),
        Command::Plot(options) => plot_lines(&options, json),
        Command::Compare(options) => revisions(&options, json),
    }
}

fn sweep(options: &Sweep, json: bool) -> io::Result<()> {
    let (launcher, _daemon) = daemon::launcher(&options.paths)?;
    let open = |path: &Path| explained(*path, options.cpus.open(&launcher, *path));
    let mut sessions = options.paths.iter().map(open).collect::<io::Result<Vec<_>>>()?;
    let plan = Plan {
        sizes: sizes::netpipe(options.longest, options.perturbation),
        runs: options.runs,
        budget: Duration::from_secs_f64(options.budget),
    };
    let mut lanes: Vec<Lane> = sessions.iter_mut().map(lane).collect();
    let progress = Progress::new(plan.sizes.len() * lanes.len());
    let samples = netpipe::sweep(&mut lanes, &plan, |sample| {
        progress.step(&format!("{} at {}", sample.path, sizes::human(sample.bytes)));
    })?;
    drop(progress);
    let subject = subject(&options.paths);
    show(&samples, &sizes::short(options.longest), subject, "one way", json)?;
    let Some(folder) = &options.plot else {
        return Ok(());
    };
    for file in plot::write(
        &samples,
        subject.name(),
        plot::Caption::default(),
        folder,
        "sweep",
    )? {
        // On stderr, where it does not disturb a program that reads the JSON.
        eprintln!("plot: {}", file.display());
    }
    Ok(())
}

fn plot_lines(options: &Plot, json: bool) -> io::Result<()> {
    let mut samples = Vec::new();
    for (at, text) in (1..).zip(io::stdin().lines()) {
        let sample: Sample = serde_json::from_str(&text?)
            .map_err(|error| Error::new(io::ErrorKind::InvalidData, format!("line {at}: {error}")))?;
        samples.push(sample);
    }
    let caption = plot::Caption {
        title: &options.title,
        note: &options.note,
        elsewhere: &options.elsewhere,
    };
    for file in plot::write(
        &samples,
        &options.subject,
        caption,
        &options.folder,
        &options.stem,
    )? {
        if json {
            line(&serde_json::json!({ "plot": file }).to_string())?;
        } else {
            line(&format!("plot: {}", file.display()))?;
        }
    }
    Ok(())
}

fn lane(session: &mut Session) -> Lane<'_> {
    Lane {
        path: session.path().name(),
        ping: session,
    }
}

/// Who has no V4V can still measure the rest.
fn explained(path: Path, opened: io::Result<Session>) -> io::Result<Session> {
    opened.map_err(|error| match path {
        Path::V4v => Error::new(
            error.kind(),
            format!("{error}; to measure without V4V, say --paths unix,tcp"),
        ),
        _ => error,
    })
}

/// The path that the others are compared with: V4V if it was measured.
fn subject(paths: &[Path]) -> Path {
    paths.iter().copied().min().unwrap_or(Path::Unix)
}

fn measure(common: &Common, kind: Kind, bytes: &[usize], json: bool) -> io::Result<()> {
    let Common { repeated, cpus } = common;
    let (launcher, _daemon) = daemon::launcher(&repeated.paths)?;
    let time = Duration::from_millis(repeated.time_ms);
    let open =
        |path: &Path| explained(*path, cpus.open(&launcher, *path)).map(|session| Probe::new(session, time));
    let mut probes = repeated.paths.iter().map(open).collect::<io::Result<Vec<_>>>()?;
    let progress = Progress::new(bytes.len() * repeated.repeats * probes.len());
    let samples = side_by_side(&mut probes, kind, bytes, repeated.repeats, &progress)?;
    drop(progress);
    let time = if kind == Kind::Stream {
        "a message"
    } else {
        "one way"
    };
    show(&samples, bytes, subject(&repeated.paths), time, json)
}

fn pairs(options: &Pairs, json: bool) -> io::Result<()> {
    let repeated = &options.repeated;
    let (launcher, _daemon) = daemon::launcher(&repeated.paths)?;
    let cpus = cpu::apart(usize::MAX);
    let time = Duration::from_millis(repeated.time_ms);
    for &path in &repeated.paths {
        let open = |cpu: &usize| explained(path, Session::open(&launcher, path, Some(*cpu), Some(*cpu)));
        let on = cpus.iter().cycle().take(options.pairs.into());
        let mut sessions = on.map(open).collect::<io::Result<Vec<_>>>()?;
        let (mut one, mut all) = (Vec::new(), Vec::new());
        for repeat in 0..repeated.repeats {
            let alone = repeat % sessions.len();
            one.push(aggregate(&mut [&mut sessions[alone]], options.bytes, time)?);
            all.push(aggregate(
                &mut sessions.iter_mut().collect::<Vec<_>>(),
                options.bytes,
                time,
            )?);
        }
        let [one_speed, all_speed] = [&one, &all].map(|speeds| stats::median(speeds) / MEGABYTE);
        let ratio = stats::paired_ratio(&all, &one);
        let done = PairsResult {
            path: path.name(),
            bytes: options.bytes,
            pairs: options.pairs,
            one_mb_per_s: one_speed,
            all_mb_per_s: all_speed,
            ratio,
            runs: repeated.repeats,
        };
        done.show(json)?;
    }
    Ok(())
}

/// What several pairs reach together, beside one of them.
#[derive(Serialize)]
struct PairsResult {
    path: &'static str,
    bytes: usize,
    pairs: u16,
    one_mb_per_s: f64,
    all_mb_per_s: f64,
    ratio: f64,
    runs: usize,
}

impl PairsResult {
    fn show(&self, json: bool) -> io::Result<()> {
        if json {
            return line(&serde_json::to_string(self)?);
        }
        let Self {
            path,
            pairs,
            ratio,
            runs,
            ..
        } = self;
        let [one, all] = [self.one_mb_per_s, self.all_mb_per_s].map(table::number);
        line(&format!(
            "{path}: {pairs} pairs {all} MB/s, one pair {one} MB/s: {ratio:.2} × ({runs} runs)"
        ))
    }
}

fn hardware(json: bool) -> io::Result<()> {
    let (time, cpus) = (Duration::from_millis(300), cpu::apart(2));
    let sample = |name, bytes: usize, speed: f64| Sample::new(name, bytes, bytes as f64 / speed, 1);
    let mut samples = vec![sample(
        "memcpy",
        64 << 10,
        baseline::memcpy(cpus[0], 64 << 10, time)?,
    )];
    if let [first, second] = cpus[..] {
        let speed = baseline::cross_core_copy(first, second, 1 << 20, time)?;
        samples.push(sample("cross-core copy", 1 << 20, speed));
    }
    show(&samples, &[64 << 10, 1 << 20], Path::Unix, "a copy", json)
}

fn all_targets(options: &Targets, json: bool) -> io::Result<()> {
    let (launcher, _daemon) = daemon::launcher(&[options.path])?;
    let time = Duration::from_millis(options.time_ms);
    let settings = targets::Options {
        subject: options.path,
        repeats: options.repeats,
        time,
    };
    let metrics = targets::measure(&launcher, &settings)?;
    if json {
        metrics
            .iter()
            .try_for_each(|metric| line(&serde_json::to_string(metric)?))?;
    } else {
        line(&targets::show(&metrics).to_string())?;
        line(&format!(
            "medians over {} repeats of {} ms each, taken in turn; a moonshot is hoped for, not required",
            options.repeats, options.time_ms
        ))?;
    }
    let missed = metrics.iter().filter(|metric| !metric.met).count();
    if options.gate && missed > 0 {
        return Err(Error::other(format!(
            "{missed} of {} required figures are not reached",
            metrics.len()
        )));
    }
    Ok(())
}

fn revisions(options: &Compare, json: bool) -> io::Result<()> {
    let revisions = [options.a.as_str(), options.b.as_str()];
    let progress = Progress::new(2 + 2 * options.rounds);
    let comparisons = compare::run(revisions, &options.benchmark, options.rounds, |what| {
        progress.step(what)
    })?;
    drop(progress);
    if json {
        return comparisons
            .iter()
            .try_for_each(|comparison| line(&serde_json::to_string(comparison)?));
    }
    line(&compare::show(&comparisons, revisions).to_string())?;
    line(&format!(
        "{} rounds in turn; a difference counts from p < {}",
        options.rounds,
        compare::SIGNIFICANT
    ))
}

fn show(samples: &[Sample], sizes: &[usize], subject: Path, time: &str, json: bool) -> io::Result<()> {
    if json {
        return samples.iter().try_for_each(|sample| line(&sample.to_json()));
    }
    line(&table::samples(samples, sizes, subject, time).to_string())?;
    let runs = samples.iter().map(|sample| sample.runs).max().unwrap_or_default();
    line(&format!("medians over {runs} runs, taken in turn"))
}

fn line(text: &str) -> io::Result<()> {
    writeln!(io::stdout().lock(), "{text}")
}
