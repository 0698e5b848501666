//! The elements of HTML: which are known, and which stand inside a line.

/// How an element stands in the text around it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flow {
    /// Inside a word or a line: `in<b>si</b>de` is one word.
    Inline,
    /// Apart: the words before and after it are different words.
    Block,
}

/// How the element of that name (in lower case) stands; `None` for names that HTML does not have.
#[rustfmt::skip]
pub(crate) fn flow(name: &[u8]) -> Option<Flow> {
    match name {
        b"a" | b"abbr" | b"acronym" | b"b" | b"bdi" | b"bdo" | b"big" | b"cite" | b"code" | b"data" | b"del" | b"dfn"
        | b"em" | b"font" | b"i" | b"ins" | b"kbd" | b"mark" | b"nobr" | b"q" | b"ruby" | b"s" | b"samp" | b"small"
        | b"span" | b"strike" | b"strong" | b"sub" | b"sup" | b"time" | b"tt" | b"u" | b"var" | b"wbr" => Some(Flow::Inline),
        b"address" | b"applet" | b"area" | b"article" | b"aside" | b"audio" | b"base" | b"basefont" | b"bgsound"
        | b"blink" | b"blockquote" | b"body" | b"br" | b"button" | b"canvas" | b"caption" | b"center" | b"col"
        | b"colgroup" | b"datalist" | b"dd" | b"details" | b"dialog" | b"dir" | b"div" | b"dl" | b"dt" | b"embed"
        | b"fieldset" | b"figcaption" | b"figure" | b"footer" | b"form" | b"frame" | b"frameset" | b"h1" | b"h2"
        | b"h3" | b"h4" | b"h5" | b"h6" | b"head" | b"header" | b"hgroup" | b"hr" | b"html" | b"iframe" | b"image"
        | b"img" | b"input" | b"label" | b"legend" | b"li" | b"link" | b"main" | b"map" | b"marquee" | b"math"
        | b"menu" | b"menuitem" | b"meta" | b"meter" | b"nav" | b"noembed" | b"noframes" | b"noscript" | b"object"
        | b"ol" | b"optgroup" | b"option" | b"output" | b"p" | b"param" | b"path" | b"picture" | b"plaintext" | b"pre"
        | b"progress" | b"rp" | b"rt" | b"script" | b"search" | b"section" | b"select" | b"slot" | b"source"
        | b"style" | b"summary" | b"svg" | b"table" | b"tbody" | b"td" | b"template" | b"textarea" | b"tfoot" | b"th"
        | b"thead" | b"title" | b"tr" | b"track" | b"ul" | b"video" | b"xmp" => Some(Flow::Block),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_are_known_by_their_flow() {
        assert_eq!(flow(b"b"), Some(Flow::Inline));
        assert_eq!(flow(b"br"), Some(Flow::Block));
        assert_eq!(flow(b"url"), None);
        assert_eq!(flow(b""), None);
    }
}
