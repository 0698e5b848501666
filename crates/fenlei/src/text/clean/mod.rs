//! Cleaning: HTML → normal form → simplified Chinese → masks. Each step is skipped where it has nothing to do.

mod align;
mod chinese;
mod html;
mod html_elements;
mod html_markup;
mod mask;
mod normalise;

use std::ops::Range;
use std::sync::{Arc, OnceLock};

use self::chinese::Simplifier;
use self::mask::Masks;
use self::normalise::Normalise;
use super::script::is_han;
use super::spec::{CleanSpec, Html};

pub(crate) use self::align::{Alignment, Trace, Untraced};
pub(crate) use self::html_elements::{Flow, flow as html_flow};
pub(crate) use self::mask::address_len;

/// The cleaning steps of one specification.
#[derive(Clone)]
pub(crate) struct Cleaner {
    html: Html,
    normalise: Normalise,
    masks: Option<Masks>,
    simplify: bool,
    /// Loaded when the first text with Han characters comes; shared by clones.
    simplifier: Arc<OnceLock<Option<Simplifier>>>,
}

/// Memory that is used again from text to text.
#[derive(Default)]
pub(crate) struct Buffers {
    without_markup: String,
    normal: String,
    simplified: String,
    masked: String,
    protected: Vec<Range<usize>>,
}

/// A cleaned text.
#[derive(Clone, Copy)]
pub(crate) struct Cleaned<'a> {
    pub text: &'a str,
    /// Where mask tokens stand, in order: each is one token.
    pub protected: &'a [Range<usize>],
}

impl Cleaner {
    pub fn new(spec: &CleanSpec) -> Self {
        Self {
            html: spec.html,
            normalise: Normalise {
                nfkc: spec.nfkc,
                strip_invisible: spec.strip_invisible,
                collapse_whitespace: spec.collapse_whitespace,
                lowercase: spec.lowercase,
            },
            masks: Masks::new(spec),
            simplify: spec.simplify,
            simplifier: Arc::default(),
        }
    }

    /// Cleans `text`. `layers` gets one trace for each step that was taken, in order.
    pub fn clean<'a, T: Trace + Default>(
        &self,
        text: &'a str,
        buffers: &'a mut Buffers,
        layers: &mut Vec<T>,
    ) -> Cleaned<'a> {
        layers.clear();
        let Buffers { without_markup, normal, simplified, masked, protected } = buffers;
        protected.clear();
        let mut current = text;
        let mut step = |out: &mut String, apply: &mut dyn FnMut(&mut String, &mut T)| {
            out.clear();
            let mut trace = T::default();
            apply(out, &mut trace);
            layers.push(trace);
        };
        if self.html != Html::Never && html::may_contain_markup(current) {
            step(without_markup, &mut |out, trace| html::strip(current, self.html, out, trace));
            current = without_markup.as_str();
        }
        step(normal, &mut |out, trace| self.normalise.apply(current, out, trace));
        current = normal.as_str();
        if let Some(simplifier) = self.simplifier(current) {
            step(simplified, &mut |out, trace| simplifier.apply(current, out, trace));
            current = simplified.as_str();
        }
        if let Some(masks) = &self.masks {
            step(masked, &mut |out, trace| masks.apply(current, out, trace, protected));
            current = masked.as_str();
        }
        Cleaned { text: current, protected }
    }

    /// The converter, if `text` has anything to convert.
    fn simplifier(&self, text: &str) -> Option<&Simplifier> {
        if !self.simplify || text.is_ascii() || !text.chars().any(is_han) {
            return None;
        }
        let simplifier = self.simplifier.get_or_init(Simplifier::load).as_ref()?;
        simplifier.may_change(text).then_some(simplifier)
    }
}

/// The range of the original text behind the range `cleaned` of a cleaned text.
pub(crate) fn original_range(layers: &[Alignment], cursors: &mut [usize], cleaned: Range<usize>) -> Range<usize> {
    layers.iter().zip(cursors).rev().fold(cleaned, |range, (layer, cursor)| layer.input_of(range, cursor))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::spec::Mask;

    fn cleaned(spec: &CleanSpec, text: &str) -> String {
        Cleaner::new(spec).clean(text, &mut Buffers::default(), &mut Vec::<Untraced>::new()).text.to_owned()
    }

    #[test]
    fn steps_follow_one_another() {
        let spec = CleanSpec { urls: Mask::Mask, ..CleanSpec::default() };
        assert_eq!(cleaned(&spec, "<p>臺灣&nbsp;ＧＯＯＤ</p> HTTP://A.b/c&amp;d"), "台湾 good <url>");
        let off = CleanSpec {
            html: Html::Never,
            nfkc: false,
            strip_invisible: false,
            collapse_whitespace: false,
            lowercase: false,
            simplify: false,
            ..CleanSpec::default()
        };
        let text = "<p>臺灣&nbsp;  Ｇ\u{200B}</p> ";
        assert_eq!(cleaned(&off, text), text);
    }

    #[test]
    fn ranges_lead_through_all_steps_to_the_original() {
        let text = "x <b>臺</b>&#28771; ＯＫ";
        let cleaner = Cleaner::new(&CleanSpec::default());
        let (mut buffers, mut layers) = (Buffers::default(), Vec::new());
        let cleaned = cleaner.clean(text, &mut buffers, &mut layers);
        assert_eq!(cleaned.text, "x 台湾 ok");
        let mut cursors = vec![0; layers.len()];
        assert_eq!(&text[original_range(&layers, &mut cursors, 2..5)], "臺");
        assert_eq!(&text[original_range(&layers, &mut cursors, 5..8)], "&#28771;");
        assert_eq!(&text[original_range(&layers, &mut cursors, 9..11)], "ＯＫ");
    }

    #[test]
    fn the_converter_loads_only_for_han_text() {
        let cleaner = Cleaner::new(&CleanSpec::default());
        let mut buffers = Buffers::default();
        cleaner.clean("plain naïve text", &mut buffers, &mut Vec::<Untraced>::new());
        assert!(cleaner.simplifier.get().is_none());
        cleaner.clean("中", &mut buffers, &mut Vec::<Untraced>::new());
        assert!(cleaner.simplifier.get().is_some());
    }
}
