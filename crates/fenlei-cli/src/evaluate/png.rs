//! From SVG to pixels.

use std::sync::Arc;

use anyhow::{Context, Result, bail};
use resvg::{tiny_skia, usvg};

/// Pixels a unit of the drawing.
const SCALE: f32 = 2.0;

/// Families of letters without serifs, the first that is there; others stand in for what it lacks.
const PREFERRED: [&str; 7] =
    ["Noto Sans", "DejaVu Sans", "Liberation Sans", "Arial", "Segoe UI", "Helvetica", "Noto Sans CJK SC"];

/// The bytes of a PNG of this drawing.
///
/// # Errors
/// When this machine has no fonts, since letters would be left out in silence.
pub(super) fn drawn(svg: &str) -> Result<Vec<u8>> {
    let mut fonts = usvg::fontdb::Database::new();
    fonts.load_system_fonts();
    let families = || fonts.faces().flat_map(|face| &face.families).map(|(name, _)| name);
    let Some(family) = PREFERRED.iter().find_map(|name| families().find(|family| family == name)).or(families().next())
    else {
        bail!("there are no fonts on this machine to write with (help: install some, as fonts-dejavu, or write .svg)");
    };
    let family = family.clone();
    fonts.set_sans_serif_family(family);
    let options = usvg::Options { fontdb: Arc::new(fonts), ..usvg::Options::default() };
    let tree = usvg::Tree::from_str(svg, &options).context("the drawing cannot be understood")?;
    let size = tree.size().to_int_size().scale_by(SCALE).context("the drawing is empty")?;
    let mut pixels = tiny_skia::Pixmap::new(size.width(), size.height()).context("the drawing is too large")?;
    resvg::render(&tree, tiny_skia::Transform::from_scale(SCALE, SCALE), &mut pixels.as_mut());
    pixels.encode_png().context("the picture cannot be written")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_drawing_becomes_a_png_of_twice_its_size() {
        let svg = r##"<svg xmlns="http://www.w3.org/2000/svg" width="20" height="10"><rect width="20" height="10" fill="#f00"/></svg>"##;
        match drawn(svg) {
            Ok(png) => {
                assert!(png.starts_with(b"\x89PNG"));
                // Letters are drawn, and not left out in silence.
                let words = r##"<svg xmlns="http://www.w3.org/2000/svg" width="20" height="10"><text y="9" font-family="sans-serif">WM</text></svg>"##;
                let blank = words.replace("WM", "");
                assert_ne!(drawn(words).unwrap(), drawn(&blank).unwrap());
                // Width and height stand in the first block.
                assert_eq!((&png[16..20], &png[20..24]), (&[0, 0, 0, 40][..], &[0, 0, 0, 20][..]));
            }
            Err(error) => assert!(error.to_string().contains("fonts"), "{error:#}"),
        }
        assert!(drawn("no drawing").is_err());
    }
}
