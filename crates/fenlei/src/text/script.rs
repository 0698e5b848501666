//! Which writing system a character belongs to, as far as segmentation and cleaning care.

/// Whether `c` is a Chinese character (a Han ideograph, with the iteration mark 々 and the zero 〇).
#[inline]
pub(crate) fn is_han(c: char) -> bool {
    matches!(c,
        '\u{4E00}'..='\u{9FFF}'
        | '\u{3400}'..='\u{4DBF}'
        | '々' | '〇'
        | '\u{F900}'..='\u{FAFF}'
        | '\u{20000}'..='\u{3FFFD}')
}

/// Whether `c` is Japanese hiragana or katakana: text that holds them is not Chinese however many Han characters it has.
#[inline]
pub(crate) fn is_kana(c: char) -> bool {
    matches!(c, '\u{3041}'..='\u{309F}' | '\u{30A1}'..='\u{30FA}' | '\u{30FC}'..='\u{30FF}' | '\u{31F0}'..='\u{31FF}')
}

/// Whether `c` is drawn as a picture: the blocks of emoji, dingbats and miscellaneous symbols, and regional indicators.
#[inline]
pub(crate) fn is_pictograph(c: char) -> bool {
    matches!(c,
        '\u{1F000}'..='\u{1FAFF}' | '\u{2600}'..='\u{27BF}' | '\u{2B00}'..='\u{2BFF}' | '\u{2300}'..='\u{23FF}' | '\u{20E3}')
}

/// Whether zero-width joiners carry meaning beside `c`: pictographs, Arabic, and the scripts of India and South-East
/// Asia (U+0600 to U+109F, U+1780 to U+18AF).
#[inline]
pub(crate) fn uses_joiners(c: char) -> bool {
    is_pictograph(c) || is_tag(c) || matches!(c, '\u{600}'..='\u{109F}' | '\u{1780}'..='\u{18AF}')
}

/// Whether `c` is one of the tag characters that spell the region of a flag emoji.
#[inline]
pub(crate) fn is_tag(c: char) -> bool {
    matches!(c, '\u{E0020}'..='\u{E007F}')
}

/// Whether at least a fifth of the letters in the first 4,096 letters of `text` are Han characters, and kana are rare
/// among them. The sample is bounded so that a huge document is decided at once.
pub(crate) fn is_chinese(text: &str) -> bool {
    const SAMPLE: usize = 4096;
    let (mut letters, mut han, mut kana) = (0usize, 0usize, 0usize);
    for c in text.chars().filter(|c| c.is_alphabetic()).take(SAMPLE) {
        letters += 1;
        han += usize::from(is_han(c));
        kana += usize::from(is_kana(c));
    }
    han > 0 && han * 5 >= letters && kana * 10 < han
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chinese_is_decided_by_the_share_of_han_characters() {
        assert!(is_chinese("这部电影很好看"));
        assert!(is_chinese("iPhone手机壳很好看"));
        assert!(!is_chinese("The word 茶 means tea in a great many languages"));
        assert!(!is_chinese("plain English"));
        assert!(!is_chinese(""));
        assert!(!is_chinese("2024 !!!"));
    }

    #[test]
    fn japanese_and_korean_are_not_chinese() {
        assert!(!is_chinese("この映画はとても面白かった"));
        assert!(!is_chinese("이 영화는 정말 재미있다"));
    }
}
