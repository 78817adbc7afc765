//! Pictures of how figures grow, drawn of the points in `benchmarks/results.json`: `docs/growth-…-light.svg` and
//! `…-dark.svg`.

use std::path::PathBuf;

use plotters::coord::Shift;
use plotters::coord::ranged1d::{AsRangedCoord, Ranged, ValueFormatter};
use plotters::prelude::*;

use crate::Error;
use crate::results::{Results, root};

const SIZE: (u32, u32) = (720, 360);
const FONT: &str = "sans-serif";

/// A picture: all points of figures that are of this chart.
struct Chart {
    of: &'static str,
    over: &'static str,
    figure: &'static str,
    axes: Axes,
}

/// Along which axis equal distances are equal factors.
#[derive(Clone, Copy)]
enum Axes {
    Neither,
    Across,
    Up,
}

const CHARTS: [Chart; 3] = [
    Chart {
        of: "events",
        over: "conversations",
        figure: "million frames a second to events, of one core",
        axes: Axes::Across,
    },
    Chart {
        of: "memory",
        over: "live, idle conversations in one process",
        figure: "KiB each",
        axes: Axes::Neither,
    },
    Chart { of: "latency", over: "questions a second", figure: "ms to the answer", axes: Axes::Up },
];

/// The colours of a page, light or dark.
struct Theme {
    name: &'static str,
    text: RGBColor,
    grid: RGBColor,
    lines: [RGBColor; 4],
}

const THEMES: [Theme; 2] = [
    Theme {
        name: "light",
        text: RGBColor(0x33, 0x3a, 0x42),
        grid: RGBColor(0xd5, 0xda, 0xe0),
        lines: [
            RGBColor(0x09, 0x69, 0xda),
            RGBColor(0xbc, 0x4c, 0x00),
            RGBColor(0x6e, 0x9f, 0xd8),
            RGBColor(0xd9, 0x9a, 0x6c),
        ],
    },
    Theme {
        name: "dark",
        text: RGBColor(0xc9, 0xd1, 0xd9),
        grid: RGBColor(0x3a, 0x42, 0x4b),
        lines: [
            RGBColor(0x58, 0xa6, 0xff),
            RGBColor(0xf0, 0x88, 0x3e),
            RGBColor(0x35, 0x6a, 0xa8),
            RGBColor(0xa0, 0x5d, 0x2c),
        ],
    },
];

/// A line of a chart: its name and its points.
type Curve = (String, Vec<(f64, f64)>);

/// Writes all pictures for which there are points.
pub(crate) fn write(results: &Results) -> Result<(), Error> {
    for (path, svg) in pictures(results)? {
        std::fs::write(root().join(path), svg)?;
    }
    Ok(())
}

/// The pictures, each with its path from the root of the repository.
pub(crate) fn pictures(results: &Results) -> Result<Vec<(PathBuf, String)>, Error> {
    let mut made = Vec::new();
    for chart in &CHARTS {
        let curves = curves(chart, results);
        for theme in THEMES.iter().filter(|_| !curves.is_empty()) {
            let path = format!("docs/growth-{}-{}.svg", chart.of, theme.name).into();
            made.push((path, draw(chart, theme, &curves)?));
        }
    }
    Ok(made)
}

/// The lines of a chart, in the order in which they were measured.
fn curves(chart: &Chart, results: &Results) -> Vec<Curve> {
    let mut curves = Vec::<Curve>::new();
    for figure in results.0.values().flat_map(|run| &run.figures) {
        let Some((point, y)) = figure.point.as_ref().filter(|point| point.of == chart.of).zip(figure.figure)
        else {
            continue;
        };
        match curves.iter_mut().find(|(line, _)| *line == point.line) {
            Some((_, points)) => points.push((point.over, y)),
            None => curves.push((point.line.clone(), vec![(point.over, y)])),
        }
    }
    curves
}

fn draw(chart: &Chart, theme: &Theme, curves: &[Curve]) -> Result<String, Error> {
    let points = || curves.iter().flat_map(|(_, points)| points);
    let right = points().map(|point| point.0).fold(0.0, f64::max);
    let (least, most) = points()
        .fold((f64::MAX, 0.0_f64), |(least, most), (_, figure)| (least.min(*figure), most.max(*figure)));
    // Above the lines stand their names.
    let top = most * (1.05 + 0.08 * curves.len() as f64);
    let mut svg = String::new();
    let area = SVGBackend::with_string(&mut svg, SIZE).into_drawing_area();
    match chart.axes {
        Axes::Neither => plot(&area, chart, theme, curves, 0.0..right, 0.0..top)?,
        Axes::Across => plot(&area, chart, theme, curves, (1.0..right).log_scale(), 0.0..top)?,
        Axes::Up => plot(&area, chart, theme, curves, 0.0..right, (least / 2.0..most * 20.0).log_scale())?,
    }
    drop(area);
    Ok(svg + "\n")
}

fn plot<X, Y>(
    area: &DrawingArea<SVGBackend<'_>, Shift>,
    chart: &Chart,
    theme: &Theme,
    curves: &[Curve],
    over: X,
    figure: Y,
) -> Result<(), Error>
where
    X: AsRangedCoord<Value = f64>,
    X::CoordDescType: Ranged<ValueType = f64> + ValueFormatter<f64>,
    Y: AsRangedCoord<Value = f64>,
    Y::CoordDescType: Ranged<ValueType = f64> + ValueFormatter<f64>,
{
    let failed = |error: &dyn std::fmt::Display| format!("{} cannot be drawn: {error}", chart.of);
    let label = || (FONT, 15).into_font().color(&theme.text);
    let mut plot = ChartBuilder::on(area)
        .margin(10)
        .margin_right(24)
        .x_label_area_size(46)
        .y_label_area_size(60)
        .build_cartesian_2d(over, figure)
        .map_err(|error| failed(&error))?;
    plot.configure_mesh()
        .disable_x_mesh()
        .bold_line_style(theme.grid)
        .light_line_style(TRANSPARENT)
        .axis_style(theme.grid)
        .label_style(label())
        .axis_desc_style(label())
        .x_desc(chart.over)
        .y_desc(chart.figure)
        .x_label_formatter(&|over| format!("{over:.0}"))
        .draw()
        .map_err(|error| failed(&error))?;
    for ((name, points), colour) in curves.iter().zip(theme.lines.iter().cycle()) {
        let dots = points.iter().map(|at| Circle::new(*at, 4, colour.filled()));
        plot.draw_series(dots).map_err(|error| failed(&error))?;
        plot.draw_series(LineSeries::new(points.iter().copied(), colour.stroke_width(2)))
            .map_err(|error| failed(&error))?
            .label(name)
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 18, y)], colour.stroke_width(2)));
    }
    plot.configure_series_labels()
        .position(SeriesLabelPosition::UpperLeft)
        .label_font(label())
        .background_style(TRANSPARENT)
        .border_style(TRANSPARENT)
        .draw()
        .map_err(|error| failed(&error))?;
    Ok(area.present().map_err(|error| failed(&error))?)
}
