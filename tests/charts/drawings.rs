//! How charts look: the light SVG of each kind word for word, and that the PNG shows the same thing.

use nightdesk::charts::{Chart, LossCurves, Palette, escaped, png_size};

use crate::samples;

#[test]
fn each_chart_looks_as_it_did() {
    for (name, chart) in samples::all() {
        let svg = chart.svg(&Palette::LIGHT, chart.size()).unwrap();
        let (width, height) = chart.size();
        assert!(svg.starts_with(&format!("<svg width=\"{width}\" height=\"{height}\"")) && svg.trim_end().ends_with("</svg>"), "{name}");
        assert!(svg.contains(&format!("<title>{}</title>", escaped(&chart.title()))), "{name} has its title for those who do not see it");
        insta::assert_snapshot!(name, svg);
    }
}

#[test]
fn dark_differs_from_light_in_colours_only() {
    for (name, chart) in samples::all() {
        let [mut light, dark] = [Palette::LIGHT, Palette::DARK].map(|p| chart.svg(&p, chart.size()).unwrap());
        for ((role, from), (_, to)) in Palette::LIGHT.roles().into_iter().zip(Palette::DARK.roles()) {
            let hex = |c: nightdesk::charts::Rgb| format!("\"#{:02X}{:02X}{:02X}\"", c.0, c.1, c.2);
            assert!(!light.contains(&hex(to)), "{name}: {role} could not be told apart");
            light = light.replace(&hex(from), &hex(to));
        }
        assert_eq!(light, dark, "{name}");
    }
}

#[test]
fn the_png_of_each_chart_has_twice_the_size_and_shows_something() {
    for (name, chart) in samples::all() {
        let size = chart.size();
        for palette in [Palette::LIGHT, Palette::DARK] {
            let file = chart.png(&palette, size).unwrap();
            assert!(file.starts_with(b"\x89PNG\r\n\x1a\n"), "{name}");
            assert_eq!(png_size(&file).unwrap(), (2 * size.0, 2 * size.1), "{name}");
            let (ground, pixels) = (palette.ground, pixels(&file));
            let drawn = pixels.chunks_exact(3).filter(|p| *p != [ground.0, ground.1, ground.2]).count();
            assert!(drawn * 200 > pixels.len() / 3, "{name}: {drawn} pixels are drawn on");
            if let Some(folder) = std::env::var_os("NIGHTDESK_CHARTS_OUT") {
                let shade = if palette == Palette::LIGHT { "light" } else { "dark" };
                std::fs::write(std::path::Path::new(&folder).join(format!("{name}-{shade}.png")), file).unwrap();
            }
        }
    }
}

/// Red, green and blue of each pixel.
fn pixels(file: &[u8]) -> Vec<u8> {
    let mut reader = png::Decoder::new(std::io::Cursor::new(file)).read_info().unwrap();
    let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
    let frame = reader.next_frame(&mut pixels).unwrap();
    assert_eq!(frame.color_type, png::ColorType::Rgb);
    pixels.truncate(frame.buffer_size());
    pixels
}

#[test]
fn a_chart_without_data_says_why() {
    let nothing = Chart::Loss(LossCurves::default());
    let svg = nothing.svg(&Palette::LIGHT, nothing.size()).unwrap();
    assert!(svg.contains("no data: no fit has begun") && !svg.contains("polyline"), "{svg}");
}
