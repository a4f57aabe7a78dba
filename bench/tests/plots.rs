//! The plot files are what their names say, and show what was measured.

use std::fs::{self, File};
use std::io::BufReader;
use std::path::PathBuf;
use v4v_bench::{Sample, plot, sizes};

/// A path with a fixed cost per message and per byte.
fn path(name: &str, start_us: f64, gb_per_s: f64) -> Vec<Sample> {
    let sizes = sizes::netpipe(sizes::LONGEST, sizes::PERTURBATION);
    let seconds = |bytes: usize| start_us * 1e-6 + bytes as f64 / (gb_per_s * 1e9);
    sizes
        .into_iter()
        .map(|bytes| Sample::new(name, bytes, seconds(bytes), 5))
        .collect()
}

fn folder(test: &str) -> PathBuf {
    std::env::temp_dir().join(format!("v4v-bench-{test}-{}", std::process::id()))
}

#[test]
fn svg_parses_and_names_every_path() {
    let samples = [
        path("v4v", 0.25, 15.0),
        path("unix", 32.0, 10.0),
        path("tcp", 34.0, 4.0),
    ]
    .concat();
    let [svg, _] =
        plot::write(&samples, "v4v", plot::Caption::default(), &folder("svg"), "sweep").expect("written");
    let text = fs::read_to_string(svg).expect("readable");
    let document = roxmltree::Document::parse(&text).expect("well-formed");
    assert_eq!(document.root_element().tag_name().name(), "svg");
    let words: Vec<&str> = document
        .descendants()
        .filter_map(|node| node.text())
        .map(str::trim)
        .collect();
    for word in [
        "V4V",
        "AF_UNIX",
        "TCP loopback",
        "message size",
        "Latency",
        "Throughput",
        "one way (lower is better)",
        "1 µs",
        "16 MiB",
        "10 GB/s",
    ] {
        assert!(words.contains(&word), "{word} in {words:?}");
    }
    fs::remove_dir_all(folder("svg")).expect("just written");
}

#[test]
fn png_decodes_and_is_not_blank() {
    let samples = [path("v4v", 0.25, 15.0), path("tcp", 34.0, 4.0)].concat();
    let [_, png] =
        plot::write(&samples, "v4v", plot::Caption::default(), &folder("png"), "sweep").expect("written");
    let mut reader = png::Decoder::new(BufReader::new(File::open(png).expect("there")))
        .read_info()
        .expect("a PNG");
    let mut pixels = vec![0; reader.output_buffer_size()];
    let info = reader.next_frame(&mut pixels).expect("pixels");
    assert!(info.width >= 1200 && info.height >= 600);
    let blue = pixels.chunks(3).filter(|pixel| *pixel == [0, 114, 178]).count();
    assert!(blue > 1000, "the curve of v4v in its colour: {blue} pixels");
    fs::remove_dir_all(folder("png")).expect("just written");
}

#[test]
fn a_single_point_is_drawn_and_none_is_an_error() {
    let one = [Sample::new("tcp", 1, 1e-6, 1)];
    plot::write(&one, "v4v", plot::Caption::default(), &folder("one"), "sweep").expect("written");
    fs::remove_dir_all(folder("one")).expect("just written");
    assert!(plot::write(&[], "v4v", plot::Caption::default(), &folder("none"), "sweep").is_err());
}
