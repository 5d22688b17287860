//! Least-squares fits of growth with the number of nodes.
//!
//! **Invariant:** fewer than two different sizes give no fit.

/// A straight line through points.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) struct Line {
    /// The increase of y per unit of x.
    pub slope: f64,
    /// y at x = 0.
    pub intercept: f64,
    /// Coefficient of determination; 1 if y does not vary.
    pub r2: f64,
}

/// Fits y = a · N^b with a line through the logarithms; the slope is b. `None` if a value is not
/// positive.
#[must_use]
pub(super) fn power(points: &[(f64, f64)]) -> Option<Line> {
    if points.iter().any(|&(x, y)| x <= 0.0 || y <= 0.0) {
        return None;
    }
    line(&points.iter().map(|&(x, y)| (x.ln(), y.ln())).collect::<Vec<_>>())
}

/// Fits y = a + b · log2 N. `None` if a size is not positive.
#[must_use]
pub(super) fn logarithm(points: &[(f64, f64)]) -> Option<Line> {
    if points.iter().any(|&(x, _)| x <= 0.0) {
        return None;
    }
    line(&points.iter().map(|&(x, y)| (x.log2(), y)).collect::<Vec<_>>())
}

fn line(points: &[(f64, f64)]) -> Option<Line> {
    let count = points.len() as f64;
    let mean = |value: fn(&(f64, f64)) -> f64| points.iter().map(value).sum::<f64>() / count;
    let (mean_x, mean_y) = (mean(|point| point.0), mean(|point| point.1));
    let sum = |value: &dyn Fn(f64, f64) -> f64| {
        points.iter().map(|&(x, y)| value(x - mean_x, y - mean_y)).sum::<f64>()
    };
    let (xx, xy, yy) = (sum(&|x, _| x * x), sum(&|x, y| x * y), sum(&|_, y| y * y));
    if points.len() < 2 || xx <= 0.0 {
        return None;
    }
    let slope = xy / xx;
    let r2 = if yy <= f64::EPSILON * mean_y * mean_y { 1.0 } else { xy * xy / (xx * yy) };
    Some(Line { slope, intercept: mean_y - slope * mean_x, r2 })
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIZES: [f64; 4] = [256.0, 1024.0, 4096.0, 16384.0];

    fn points(y: impl Fn(f64) -> f64) -> Vec<(f64, f64)> {
        SIZES.iter().map(|&n| (n, y(n))).collect()
    }

    #[test]
    fn finds_the_exponent_of_a_power() {
        for exponent in [0.0, 0.5, 1.0, 2.0] {
            let fit = power(&points(|n| 3.0 * n.powf(exponent))).expect("it is one");
            assert!((fit.slope - exponent).abs() < 1e-9, "{} for {exponent}", fit.slope);
            assert!((fit.r2 - 1.0).abs() < 1e-9, "{}", fit.r2);
        }
    }

    #[test]
    fn tells_a_logarithm_from_a_power() {
        let grows = points(|n| 2.0 + 0.5 * n.log2());
        let fit = logarithm(&grows).expect("it is one");
        assert!((fit.slope - 0.5).abs() < 1e-9 && (fit.intercept - 2.0).abs() < 1e-9);
        assert!((fit.r2 - 1.0).abs() < 1e-9);
        let linear = logarithm(&points(|n| n)).expect("it can be fitted");
        assert!(linear.r2 < 0.9, "{}", linear.r2);
    }

    #[test]
    fn too_few_points_are_not_fitted() {
        assert_eq!(power(&[(256.0, 1.0)]), None);
        assert_eq!(power(&[(256.0, 1.0), (256.0, 2.0)]), None);
        assert_eq!(power(&[(256.0, 0.0), (512.0, 2.0)]), None);
    }
}
