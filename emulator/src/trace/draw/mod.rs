//! Draws a time line as SVG.

mod lanes;
mod palette;
mod paper;
mod parts;
mod rows;
mod scale;

use std::str::FromStr;

use self::palette::{Role, stylesheet};
use self::paper::{Escaped, FONT, Paper, Short};
use self::scale::Scale;
use super::model::Timeline;
use super::text::{length, visible};
use crate::time::Millis;

const WIDTH: u32 = 1_200;
const WIDTHS: (u32, u32) = (320, 4_000);
/// From this width on the names of the lanes stand beside them, else above.
const WIDE: u32 = 700;
/// The room beside the lanes for their names.
const GUTTER: f64 = 92.0;
const MARGIN: f64 = 12.0;

/// How a time line is drawn.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Options {
    /// From when on, after the time line's beginning.
    pub from: Option<Millis>,
    /// Until when, after the time line's beginning.
    pub to: Option<Millis>,
    /// The picture's width in pixels, 320 to 4,000. Default: 1,200.
    pub width: Option<u32>,
    /// Its colours.
    pub theme: Theme,
    /// Where it will stand.
    pub form: Form,
    /// Whether the time in which nothing happens is drawn in its length.
    pub whole: bool,
}

/// The colours of a picture.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Theme {
    /// As the reader prefers it in a [file](Form::File), light in a [page](Form::Page).
    #[default]
    Auto,
    /// For light ground.
    Light,
    /// For dark ground.
    Dark,
}

/// Where a picture will stand.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Form {
    /// In a file of its own, with a background and a stylesheet.
    #[default]
    File,
    /// Within a page: without a background, and without a stylesheet, which a page's policy may forbid.
    Page,
}

/// Text that names no [`Theme`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a theme; there are `auto`, `light` and `dark`")]
pub struct UnknownTheme(String);

impl FromStr for Theme {
    type Err = UnknownTheme;

    fn from_str(text: &str) -> Result<Self, UnknownTheme> {
        match text {
            "auto" => Ok(Self::Auto),
            "light" => Ok(Self::Light),
            "dark" => Ok(Self::Dark),
            other => Err(UnknownTheme(visible(other, 40))),
        }
    }
}

/// What all parts of a picture need to know.
#[derive(Debug)]
struct View<'a> {
    timeline: &'a Timeline,
    /// The moments between which it shows what happened.
    window: (u64, u64),
    scale: Scale,
    left: f64,
    right: f64,
}

impl View<'_> {
    /// A moment, exactly: after the beginning, and by the clock.
    fn moment(&self, at: Millis) -> String {
        let ms = (at - self.timeline.start).0;
        let (hours, minutes, seconds) = (ms / 3_600_000, ms / 60_000 % 60, ms / 1_000 % 60);
        match (hours, minutes) {
            (0, 0) => format!("{seconds}.{:03} s", ms % 1_000),
            (0, _) => format!("{minutes}:{seconds:02}.{:03}", ms % 1_000),
            _ => format!("{hours}:{minutes:02}:{seconds:02}.{:03}", ms % 1_000),
        }
    }

    /// When something was, for its tooltip.
    fn when(&self, from: Millis, to: Millis) -> String {
        let clock =
            if self.timeline.is_clock { format!(" ({} UTC)", time_of_day(from)) } else { String::new() };
        match to > from {
            true => format!("{} – {}, {}{clock}", self.moment(from), self.moment(to), length(to - from)),
            false => format!("{}{clock}", self.moment(from)),
        }
    }
}

/// Draws a time line as SVG: self-contained, without scripts, at most about a megabyte long.
///
/// All texts are escaped, and control characters made visible. Every mark has a `<title>` with the exact time and what it
/// was. Colours are presentation attributes on groups with a class (`t-call`, `t-reply`, …), which a stylesheet can
/// change with `color`. The root has `data-from` and `data-to`: which time is shown, in milliseconds after the beginning.
/// For a page it also has `data-begin`, when that beginning was, in milliseconds of the service's time, `data-end`, how
/// long the whole is, and `data-scale`, which moment stands at which place.
pub fn svg(timeline: &Timeline, options: &Options) -> String {
    let (start, end) = (timeline.start.0, timeline.end.0);
    let from = options.from.map_or(start, |from| start.saturating_add(from.0)).min(end);
    let to = options.to.map_or(end, |to| start.saturating_add(to.0)).clamp(from, end);
    let width = options.width.unwrap_or(WIDTH).clamp(WIDTHS.0, WIDTHS.1);
    let left = if width >= WIDE { MARGIN + GUTTER } else { MARGIN };
    let (width, right) = (f64::from(width), f64::from(width) - MARGIN);
    let scale = Scale::new(timeline, (from, to), (left, right - left), options.whole);
    let view = View { timeline, window: (from, to), scale, left, right };

    let mut front = Paper::new(options.theme);
    let top = parts::header(&view, &mut front);
    let axis = parts::stretches(&view, &mut front, top);
    let lanes_top = parts::axis(&view, &mut front, axis);
    let mut back = Paper::new(options.theme);
    let bottom = lanes::draw(&view, &mut front, &mut back, lanes_top);
    parts::ground(&view, &mut back, (axis, bottom));
    let height = parts::legend(&view, &mut front, bottom) + MARGIN;

    let mut page = Paper::new(options.theme);
    let (wide, high) = (Short(width), Short(height));
    let (data_from, data_to) = (from - start, to - start);
    let edges = match options.form {
        Form::Page => format!(
            " data-begin=\"{}\" data-end=\"{}\" data-scale=\"{}\"",
            start,
            end - start,
            view.scale.edges(start)
        ),
        Form::File => String::new(),
    };
    page.put(format_args!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" role=\"img\" aria-labelledby=\"trace-title trace-desc\" width=\"{wide}\" \
         height=\"{high}\" data-from=\"{data_from}\" data-to=\"{data_to}\"{edges} viewBox=\"0 0 {wide} {high}\" font-family=\"system-ui, -apple-system, 'Segoe UI', Roboto, \
         'Noto Sans', sans-serif\" font-size=\"{FONT}\">"
    ));
    let about = timeline.in_words(5).join(". ");
    page.put(format_args!(
        "<title id=\"trace-title\">Time line of {}</title>",
        Escaped(&parts::name(timeline))
    ));
    page.put(format_args!(
        "<desc id=\"trace-desc\">{}. The longest: {}.</desc>",
        Escaped(&parts::span(timeline).concat()),
        Escaped(&about)
    ));
    if options.form == Form::File {
        if options.theme == Theme::Auto {
            page.put(format_args!("<style>{}</style>", stylesheet()));
        }
        page.group(Role::Paper, "", |page| page.rect((0.0, 0.0), (width, height), "", ""));
    }
    page.svg.push_str(&back.svg);
    page.svg.push_str(&front.svg);
    page.put(format_args!("</svg>\n"));
    page.svg
}

fn time_of_day(at: Millis) -> String {
    let ms = at.0;
    format!("{:02}:{:02}:{:02}.{:03}", ms / 3_600_000 % 24, ms / 60_000 % 60, ms / 1_000 % 60, ms % 1_000)
}
