//! A line in an SVG picture.

use std::fmt::Write as _;

/// Size of the picture, and of the margin around the line.
const WIDTH: f64 = 900.0;
const HEIGHT: f64 = 320.0;
const MARGIN: f64 = 60.0;
/// Lines across at most; the axis has labels at them.
const STEPS: u32 = 5;

/// Returns an SVG picture of a line through these points.
pub fn line(title: &str, x_label: &str, y_label: &str, points: &[(f64, f64)]) -> String {
    let x_max = points.iter().map(|(x, _)| *x).fold(1.0, f64::max);
    let y_max = points.iter().map(|(_, y)| *y).fold(1.0, f64::max) * 1.1;
    let x_at = |x: f64| MARGIN + x / x_max * (WIDTH - 2.0 * MARGIN);
    let y_at = |y: f64| HEIGHT - MARGIN - y / y_max * (HEIGHT - 2.0 * MARGIN);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{WIDTH}\" height=\"{HEIGHT}\" font-family=\"sans-serif\" \
         font-size=\"12\">\n<rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n"
    );
    let _ = writeln!(
        svg,
        "<text x=\"{}\" y=\"24\" text-anchor=\"middle\" font-size=\"15\">{title}</text>",
        WIDTH / 2.0
    );
    for step in 0..=STEPS {
        let share = f64::from(step) / f64::from(STEPS);
        let (x, y) = (x_at(x_max * share), y_at(y_max * share));
        let (left, right, bottom) = (MARGIN, WIDTH - MARGIN, HEIGHT - MARGIN);
        let _ = writeln!(svg, "<path d=\"M{left} {y:.1}H{right}\" stroke=\"#ddd\"/>");
        let _ = writeln!(
            svg,
            "<text x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{:.0}</text>",
            left - 6.0,
            y + 4.0,
            y_max * share
        );
        let _ = writeln!(
            svg,
            "<text x=\"{x:.1}\" y=\"{}\" text-anchor=\"middle\">{:.0}</text>",
            bottom + 18.0,
            x_max * share
        );
    }
    let path: Vec<String> = points.iter().map(|(x, y)| format!("{:.1},{:.1}", x_at(*x), y_at(*y))).collect();
    let _ = writeln!(
        svg,
        "<polyline points=\"{}\" fill=\"none\" stroke=\"#1f5fa8\" stroke-width=\"1.5\"/>",
        path.join(" ")
    );
    let _ = writeln!(
        svg,
        "<text x=\"{}\" y=\"{}\" text-anchor=\"middle\">{x_label}</text>",
        WIDTH / 2.0,
        HEIGHT - 18.0
    );
    let _ = writeln!(
        svg,
        "<text x=\"16\" y=\"{}\" transform=\"rotate(-90 16 {0})\" text-anchor=\"middle\">{y_label}</text>",
        HEIGHT / 2.0
    );
    svg.push_str("</svg>\n");
    svg
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flat_line_is_flat_and_within_the_picture() {
        let svg = line("memory", "s", "MiB", &[(0.0, 30.0), (10.0, 30.0), (20.0, 30.0)]);
        let (_, points) = svg.split_once("<polyline points=\"").unwrap();
        let (points, _) = points.split_once('"').unwrap();
        let heights: Vec<&str> = points.split(' ').map(|point| point.split_once(',').unwrap().1).collect();
        assert_eq!(heights.len(), 3);
        assert!(heights.iter().all(|height| *height == heights[0]), "{heights:?}");
        let height: f64 = heights[0].parse().unwrap();
        assert!(height > MARGIN - 0.1 && height < HEIGHT - MARGIN, "{height}");
    }
}
