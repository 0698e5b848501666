//! Charts as SVG: axes with ticks and titles, lines, bars, dots. Colours are classes of the page's style sheet, so that
//! they follow its theme, and no attribute needs a style that a content security policy would refuse.

use std::fmt::Write;

use super::escape::escape;

/// Sizes in the units of the view box. On a phone a unit is a little less than a pixel.
pub(super) const WIDTH: f64 = 400.0;
pub(super) const HEIGHT: f64 = 270.0;
const LEFT: f64 = 58.0;
const RIGHT: f64 = 20.0;
const TOP: f64 = 10.0;
const BOTTOM: f64 = 44.0;

/// How numbers on an axis are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unit {
    /// As they are.
    Number,
    /// As shares of a hundred.
    Percent,
    /// Whole numbers.
    Count,
}

/// One direction of a chart.
#[derive(Debug, Clone, Copy)]
pub(super) struct Axis<'a> {
    pub title: &'a str,
    pub min: f64,
    pub max: f64,
    pub unit: Unit,
}

/// What is drawn. `colour` is one of the page's series, from 0.
#[derive(Debug, Clone)]
pub(super) enum Mark<'a> {
    Line {
        colour: usize,
        points: &'a [(f64, f64)],
    },
    /// A thin line to compare with.
    Guide {
        from: (f64, f64),
        to: (f64, f64),
    },
    /// A bar from `x.0` to `x.1` and from `y.0` to `y.1`.
    Bar {
        colour: usize,
        x: (f64, f64),
        y: (f64, f64),
        tip: String,
    },
    /// A dot with a radius in units of the view box.
    Dot {
        colour: usize,
        at: (f64, f64),
        radius: f64,
        tip: String,
    },
}

/// A chart.
#[derive(Debug, Clone)]
pub(super) struct Chart<'a> {
    /// Unique in the page.
    pub id: &'a str,
    pub title: &'a str,
    pub description: &'a str,
    pub x: Axis<'a>,
    pub y: Axis<'a>,
    pub marks: Vec<Mark<'a>>,
}

impl Axis<'_> {
    /// From 0 to 1.
    pub fn share(title: &str) -> Axis<'_> {
        Axis { title, min: 0.0, max: 1.0, unit: Unit::Percent }
    }

    /// Where ticks stand: round numbers, from four to eight of them.
    fn ticks(&self) -> Vec<f64> {
        let span = self.max - self.min;
        if !(span > 0.0 && span.is_finite()) {
            return vec![self.min];
        }
        let power = 10f64.powf((span / 5.0).log10().floor());
        let step = [1.0, 2.0, 2.5, 5.0, 10.0].map(|step| step * power).into_iter().find(|step| span / step <= 6.5);
        let mut step = step.unwrap_or(span);
        if self.unit == Unit::Count {
            step = step.ceil().max(1.0);
        }
        let first = (self.min / step - 1e-9).ceil() as i64;
        let last = (self.max / step + 1e-9).floor() as i64;
        (first..=last).map(|i| i as f64 * step).collect()
    }

    fn share_of(&self, value: f64) -> f64 {
        let span = self.max - self.min;
        if span > 0.0 { ((value - self.min) / span).clamp(0.0, 1.0) } else { 0.5 }
    }

    fn written(&self, value: f64, ticks: &[f64]) -> String {
        let step = ticks.windows(2).map(|pair| pair[1] - pair[0]).next().unwrap_or(1.0);
        let (value, step, sign) = match self.unit {
            Unit::Percent => (100.0 * value, 100.0 * step, "%"),
            _ => (value, step, ""),
        };
        if self.unit == Unit::Count && value >= 10_000.0 {
            return format!("{}k", value / 1000.0);
        }
        let digits = if step >= 1.0 && (step - step.round()).abs() < 1e-9 {
            0
        } else {
            (1.0 - step.log10()).ceil().max(1.0) as usize
        };
        let digits = if step < 1.0 || digits > 0 { digits.min(4) } else { 0 };
        let mut text = format!("{value:.digits$}");
        if text.contains('.') {
            text = text.trim_end_matches('0').trim_end_matches('.').to_owned();
        }
        if text == "-0" {
            text = "0".to_owned();
        }
        text + sign
    }
}

fn x_of(axis: &Axis<'_>, value: f64) -> f64 {
    LEFT + axis.share_of(value) * (WIDTH - LEFT - RIGHT)
}

fn y_of(axis: &Axis<'_>, value: f64) -> f64 {
    HEIGHT - BOTTOM - axis.share_of(value) * (HEIGHT - TOP - BOTTOM)
}

impl Chart<'_> {
    /// The chart as one `<svg>` element.
    pub fn draw(&self) -> String {
        let id = self.id;
        format!(
            r#"<svg class="chart" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-labelledby="{id}-t {id}-d"><title id="{id}-t">{}</title><desc id="{id}-d">{}</desc>{}</svg>"#,
            escape(self.title),
            escape(self.description),
            self.marks()
        )
    }

    /// What is drawn, in a field of [`WIDTH`] by [`HEIGHT`].
    pub fn marks(&self) -> String {
        let mut out = String::with_capacity(4096);
        let Self { x, y, .. } = self;
        // Writing to a string never fails.
        let (bottom, right) = (HEIGHT - BOTTOM, WIDTH - RIGHT);
        let ticks = y.ticks();
        for &tick in &ticks {
            let at = y_of(y, tick);
            let _ = write!(
                out,
                r#"<path class="grid" d="M{LEFT} {at:.1}H{right}"/><text x="{:.1}" y="{:.1}" text-anchor="end">{}</text>"#,
                LEFT - 6.0,
                at + 4.0,
                y.written(tick, &ticks)
            );
        }
        let ticks = x.ticks();
        for &tick in &ticks {
            let at = x_of(x, tick);
            let _ = write!(
                out,
                r#"<path class="tick" d="M{at:.1} {bottom}v5"/><text x="{at:.1}" y="{:.1}" text-anchor="middle">{}</text>"#,
                bottom + 18.0,
                x.written(tick, &ticks)
            );
        }
        let _ = write!(out, r#"<path class="axis" d="M{LEFT} {TOP}V{bottom}H{right}"/>"#);
        let _ = write!(
            out,
            r#"<text class="name" x="{:.1}" y="{:.1}" text-anchor="middle">{}</text>"#,
            (LEFT + right) / 2.0,
            HEIGHT - 6.0,
            escape(x.title)
        );
        let middle = (TOP + bottom) / 2.0;
        let _ = write!(
            out,
            r#"<text class="name" x="12" y="{middle:.1}" text-anchor="middle" transform="rotate(-90 12 {middle:.1})">{}</text>"#,
            escape(y.title)
        );
        self.marks.iter().for_each(|mark| self.draw_mark(&mut out, mark));
        out
    }

    fn draw_mark(&self, out: &mut String, mark: &Mark<'_>) {
        let at = |(x, y): (f64, f64)| (x_of(&self.x, x), y_of(&self.y, y));
        match mark {
            Mark::Guide { from, to } => {
                let ((x0, y0), (x1, y1)) = (at(*from), at(*to));
                let _ = write!(out, r#"<path class="guide" d="M{x0:.1} {y0:.1}L{x1:.1} {y1:.1}"/>"#);
            }
            Mark::Line { colour, points } => {
                if let [only] = points[..] {
                    let (x, y) = at(only);
                    let _ = write!(out, r#"<circle class="fill{colour}" cx="{x:.1}" cy="{y:.1}" r="3"/>"#);
                    return;
                }
                let _ = write!(out, r#"<path class="line{colour}" d=""#);
                for (i, &point) in points.iter().enumerate() {
                    let (x, y) = at(point);
                    let _ = write!(out, "{}{x:.1} {y:.1}", if i == 0 { 'M' } else { 'L' });
                }
                out.push_str(r#""/>"#);
            }
            Mark::Bar { colour, x, y, tip } => {
                let ((left, low), (right, high)) = (at((x.0, y.0)), at((x.1, y.1)));
                let (width, height) = ((right - left - 1.0).max(0.5), low - high);
                let tip = escape(tip);
                let _ = write!(
                    out,
                    r#"<rect class="fill{colour}" x="{left:.1}" y="{high:.1}" width="{width:.1}" height="{height:.1}"><title>{tip}</title></rect>"#
                );
            }
            Mark::Dot { colour, at: place, radius, tip } => {
                let (x, y) = at(*place);
                let tip = escape(tip);
                let _ = write!(
                    out,
                    r#"<circle class="fill{colour}" cx="{x:.1}" cy="{y:.1}" r="{radius:.1}"><title>{tip}</title></circle>"#
                );
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ticks(min: f64, max: f64, unit: Unit) -> Vec<String> {
        let axis = Axis { title: "", min, max, unit };
        let ticks = axis.ticks();
        ticks.iter().map(|&tick| axis.written(tick, &ticks)).collect()
    }

    #[test]
    fn ticks_are_round_numbers_written_short() {
        assert_eq!(ticks(0.0, 1.0, Unit::Percent), ["0%", "20%", "40%", "60%", "80%", "100%"]);
        assert_eq!(ticks(0.0, 3.0, Unit::Count), ["0", "1", "2", "3"]);
        assert_eq!(ticks(0.0, 25_000.0, Unit::Count), ["0", "5000", "10k", "15k", "20k", "25k"]);
        assert_eq!(ticks(0.12, 0.31, Unit::Number), ["0.15", "0.2", "0.25", "0.3"]);
        assert_eq!(ticks(0.85, 1.0, Unit::Percent), ["85%", "87.5%", "90%", "92.5%", "95%", "97.5%", "100%"]);
        assert_eq!(ticks(2.0, 2.0, Unit::Number).len(), 1);
        assert_eq!(ticks(0.0, f64::INFINITY, Unit::Number).len(), 1);
    }

    #[test]
    fn a_chart_has_a_name_a_description_and_no_open_markup() {
        let axis = Axis::share("a < b");
        let marks = vec![
            Mark::Line { colour: 0, points: &[(0.0, 0.0), (1.0, f64::NAN)] },
            Mark::Bar { colour: 1, x: (0.0, 0.5), y: (0.0, 9.0), tip: "<script>".to_owned() },
        ];
        let svg = Chart { id: "x", title: "T&T", description: "d", x: axis, y: axis, marks }.draw();
        assert!(svg.contains(r#"role="img" aria-labelledby="x-t x-d"><title id="x-t">T&amp;T</title><desc id="x-d">"#));
        assert!(svg.contains("a &lt; b") && svg.contains("&lt;script&gt;") && !svg.contains("<script"));
        assert!(!svg.contains("style="));
    }
}
