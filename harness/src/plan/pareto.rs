//! The best of many points, where less of everything is better.
//!
//! **Invariant:** the order of equal points does not matter: the first one stays.

/// Indices of the points that no other beats: none is at most as great in every figure and less in one. Of equal
/// points the first one counts. In the order of the first figure.
#[must_use]
pub fn front<const K: usize>(points: &[[f64; K]]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..points.len()).collect();
    order.sort_by(|&a, &b| lexicographic(&points[a], &points[b]).then(a.cmp(&b)));
    let mut kept: Vec<usize> = Vec::new();
    for at in order {
        // Whatever comes later is greater in some figure, so it cannot beat what is kept.
        let is_beaten =
            |&other: &usize| points[other].iter().zip(&points[at]).all(|(other, own)| other <= own);
        if !kept.iter().any(is_beaten) {
            kept.push(at);
        }
    }
    kept
}

/// Indices of the lower left convex hull of points in a plane, by the first figure: the points that are best for
/// some exchange rate between both figures (Andrew's monotone chain, 1979).
#[must_use]
pub fn hull(points: &[[f64; 2]]) -> Vec<usize> {
    let mut chain: Vec<usize> = Vec::new();
    for at in front(points) {
        while let [.., before, last] = chain[..]
            && !is_left_turn(points[before], points[last], points[at])
        {
            chain.pop();
        }
        chain.push(at);
    }
    chain
}

fn lexicographic<const K: usize>(a: &[f64; K], b: &[f64; K]) -> std::cmp::Ordering {
    let figures = a.iter().zip(b).map(|(a, b)| a.total_cmp(b));
    figures.fold(std::cmp::Ordering::Equal, std::cmp::Ordering::then)
}

fn is_left_turn(a: [f64; 2], b: [f64; 2], c: [f64; 2]) -> bool {
    (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0]) > 0.0
}

#[cfg(test)]
mod tests {
    use hopwise_kernel::Rng;

    use super::*;

    fn random(count: usize, seed: u64) -> Vec<[f64; 2]> {
        let mut rng = Rng::new(seed, 0);
        (0..count).map(|_| [rng.below(50) as f64, rng.below(50) as f64]).collect()
    }

    #[test]
    fn the_front_is_what_nothing_beats() {
        for seed in 0..20 {
            let points = random(200, seed);
            let kept = front(&points);
            let beats = |a: &[f64; 2], b: &[f64; 2]| a[0] <= b[0] && a[1] <= b[1] && a != b;
            for (at, point) in points.iter().enumerate() {
                let is_beaten = points.iter().any(|other| beats(other, point));
                let is_kept = kept.iter().any(|&kept| points[kept] == *point);
                assert_eq!(is_kept, !is_beaten, "{at}");
            }
            let distinct =
                kept.iter().all(|&a| kept.iter().all(|&b| a == b || points[a] != points[b]));
            assert!(distinct && kept.is_sorted_by(|&a, &b| points[a][0] < points[b][0]));
        }
    }

    #[test]
    fn the_hull_lies_below_all_points_and_is_convex() {
        for seed in 0..20 {
            let points = random(200, seed);
            let chain = hull(&points);
            for window in chain.windows(2) {
                let (a, b) = (points[window[0]], points[window[1]]);
                for point in &points {
                    if (a[0]..=b[0]).contains(&point[0]) {
                        let below =
                            (b[0] - a[0]) * (point[1] - a[1]) - (b[1] - a[1]) * (point[0] - a[0]);
                        assert!(below >= -1e-9, "{point:?} is below {a:?} {b:?}");
                    }
                }
            }
            assert!(chain.windows(3).all(|it| is_left_turn(
                points[it[0]],
                points[it[1]],
                points[it[2]]
            )));
        }
    }

    #[test]
    fn one_point_is_its_own_hull() {
        assert_eq!(hull(&[[1.0, 2.0]]), [0]);
        assert_eq!(hull(&[]), Vec::<usize>::new());
        assert_eq!(hull(&[[1.0, 2.0], [1.0, 2.0], [2.0, 1.0]]), [0, 2]);
    }
}
