//! Pages as they are found on the web, in small.

use super::*;

const ENGLISH: &str = r#"<!DOCTYPE html><html><head><title>A quiet  film &amp; more</title>
<style>p { color: red }</style><script>var x = "<p>no</p>";</script></head><body class="has-sidebar">
<header><a href="/">Home</a> <a href="/films">Films</a> <a href="/books">Books</a> <a href="/about">About us</a></header>
<nav><ul><li><a href="/1">One</a></li><li><a href="/2">Two</a></li></ul></nav>
<div id="content"><h1>A quiet film</h1>
<p>The director gives her actors all the time that they need, and <b>nothing</b> in the two hours of this film is wasted on effects.</p>
<p>What begins as the story of a village becomes a study of how people forget, told with patience and with a dry humour that never hurts.</p>
<h2>The end</h2><p>The last scene is worth the whole journey, as the old man sits down by the river and says the only thing that he could say.</p>
</div>
<div class="related"><h3>Read more</h3><ul><li><a href="/3">Ten films that you must see before the summer ends</a></li>
<li><a href="/4">Why we no longer go to the cinema on Sundays</a></li></ul></div>
<footer>Copyright 2024 by the people who made this page, all rights reserved, and some that are not ours.</footer>
</body></html>"#;

const CHINESE: &str = r#"<html><head><meta charset="utf-8"><title>一部安静的电影</title></head><body>
<div class="nav"><a href="/">首页</a> | <a href="/film">电影</a> | <a href="/book">图书</a> | <a href="/music">音乐</a></div>
<h1>一部安静的电影</h1>
<p>导演给了演员充足的时间，这部两个小时的电影没有把一分钟浪费在特效上，每一个镜头都恰到好处。</p>
<p>故事从一个小村庄开始，慢慢变成了关于遗忘的思考，叙述很有耐心，幽默含蓄，从不伤人。</p>
<p>结尾的一幕值得全程的等待：老人坐在河边，说出了他唯一能说的话。</p>
<ul><li><a href="/a">夏天结束之前必看的十部电影</a></li><li><a href="/b">为什么我们星期天不再去电影院</a></li></ul>
<div class="footer">版权所有，未经许可不得转载，本站所有内容均由网友上传，如有侵权请联系我们。</div>
</body></html>"#;

#[test]
fn the_main_text_is_kept_and_what_stands_around_it_goes() {
    let (title, text) = extract(ENGLISH, Extract::Main);
    assert_eq!(title, "A quiet film & more");
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!((lines.len(), lines[0], lines[3]), (5, "A quiet film", "The end"), "{text}");
    assert!(lines[1].contains("and nothing in the two hours"), "{text}");
    let (title, text) = extract(CHINESE, Extract::Main);
    assert_eq!(title, "一部安静的电影");
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!((lines.len(), lines[0]), (4, "一部安静的电影"), "{text}");
    assert!(lines[3].ends_with("他唯一能说的话。"), "{text}");
}

#[test]
fn all_text_is_all_that_is_shown() {
    let (_, text) = extract(ENGLISH, Extract::All);
    for part in ["Home Films Books About us", "One\nTwo", "Ten films that", "Copyright 2024"] {
        assert!(text.contains(part), "{part} is missing in {text}");
    }
    assert!(!text.contains("color") && !text.contains("var x") && !text.contains("quiet film & more"), "{text}");
}

#[test]
fn lines_break_where_the_page_breaks_them() {
    let text = |html: &str| extract(html, Extract::All).1;
    assert_eq!(text("a  b\n c<br>d<br><br>e<p>f<span>g</span>h"), "a b c\nd\ne\nfgh");
    assert_eq!(text("<pre>one\n  two</pre>"), "one\ntwo");
    assert_eq!(text("<ul><li>one<li>two</ul>"), "one\ntwo");
    assert_eq!(text("R&amp;D &#20013;&nbsp;文"), "R&D 中 文");
    assert_eq!(text("<div hidden>no</div><p style='display: none'>no</p>yes<svg><title>no</title></svg>"), "yes");
}

#[test]
fn a_mark_that_swallows_the_page_is_taken_for_a_mistake() {
    let unclosed = ENGLISH.replacen("</nav>", "", 1);
    let (_, text) = extract(&unclosed, Extract::Main);
    assert!(text.contains("The last scene is worth"), "{text}");
}

#[test]
fn a_short_text_between_links_is_not_lost() {
    let links = "<p><a href=/>home and all the other pages</a></p>";
    let (_, text) = extract(&format!("{links}<p>{}</p>{links}", "word ".repeat(30)), Extract::Main);
    assert_eq!(text.split(' ').count(), 30);
    assert_eq!(extract(&links.repeat(3), Extract::Main).1, "");
}

#[test]
fn content_that_the_page_marks_is_all_that_counts() {
    let aside =
        "<p>This long paragraph tells of something else entirely, and has far more than sixteen words in it.</p>";
    let marked = "<article><p>This is the article, which the page itself says is its content, and it is long enough to be \
                  more than half of all the text that was found on the whole of it.</p></article>";
    let (_, text) = extract(&format!("<div>{aside}</div>{marked}"), Extract::Main);
    assert!(text.starts_with("This is the article") && !text.contains("something else"), "{text}");
}

#[test]
fn hostile_pages_are_read_in_linear_time() {
    let begun = std::time::Instant::now();
    for piece in ["<div>", "<a>", "</p>", "<div></span>", "<!--", "<br>", "<title>", "<p hidden", "&amp", "<x-y a=b>z"]
    {
        let html = piece.repeat(500_000 / piece.len());
        for mode in Extract::ALL {
            extract(&html, mode);
        }
    }
    assert!(begun.elapsed().as_secs() < 20, "took {:?}", begun.elapsed());
}
