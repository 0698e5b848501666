//! Chinese characters that sound the same, tone included, as an input method offers them.

use std::collections::HashMap;

use encoding_rs::GBK;
use pinyin::ToPinyin;

/// Common characters by their most usual reading.
#[derive(Debug)]
pub(super) struct SameSound {
    by_sound: HashMap<&'static str, Vec<char>>,
}

impl SameSound {
    /// The common characters are the 3,755 of the first level of GB 2312, which stand in rows B0 to D7 of its code.
    pub fn new() -> Self {
        let mut by_sound: HashMap<&'static str, Vec<char>> = HashMap::new();
        for high in 0xB0..=0xD7u8 {
            for low in 0xA1..=0xFEu8 {
                let code = [high, low];
                let Some(text) = GBK.decode_without_bom_handling_and_without_replacement(&code) else { continue };
                let common = text.chars().next().filter(|c| ('\u{4E00}'..='\u{9FFF}').contains(c));
                if let Some((c, sound)) = common.and_then(|c| Some((c, c.to_pinyin()?.with_tone_num_end()))) {
                    by_sound.entry(sound).or_default().push(c);
                }
            }
        }
        Self { by_sound }
    }

    /// The other common characters with the sound of this one; nothing where it is no Chinese character.
    pub fn of(&self, grapheme: &str) -> impl Iterator<Item = char> {
        let mut chars = grapheme.chars();
        let own = match (chars.next(), chars.next()) {
            (Some(c), None) => Some(c),
            _ => None,
        };
        let sound = own.and_then(|c| c.to_pinyin()).map(|pinyin| pinyin.with_tone_num_end());
        let same = sound.and_then(|sound| self.by_sound.get(sound)).map_or(&[][..], Vec::as_slice);
        same.iter().copied().filter(move |c| Some(*c) != own)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn characters_of_one_sound_stand_together() {
        let sounds = SameSound::new();
        assert_eq!(sounds.by_sound.values().map(Vec::len).sum::<usize>(), 3755);
        let same: Vec<char> = sounds.of("在").collect();
        assert!(same.contains(&'再') && !same.contains(&'在') && !same.contains(&'灾'), "{same:?}");
        assert_eq!(sounds.of("a").count() + sounds.of("").count() + sounds.of("好好").count(), 0);
        // A traditional character is none of the common ones, but has their sounds.
        assert!(sounds.of("電").any(|c| c == '店'));
    }
}
