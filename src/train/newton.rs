//! Newton's method for smooth convex functions of a few hundred variables, with a Cholesky solver: what the
//! meta-learner and the calibration slope are fitted by. Deterministic.

/// A function's value, gradient and second derivatives at a point.
#[derive(Clone, Debug, PartialEq)]
pub struct Local {
    /// The value.
    pub value: f64,
    /// First derivatives.
    pub gradient: Vec<f64>,
    /// Second derivatives, row by row; only the lower triangle is read.
    pub hessian: Vec<f64>,
}

impl Local {
    /// Zeros of so many variables, to add to.
    pub fn zero(variables: usize) -> Self {
        Self { value: 0.0, gradient: vec![0.0; variables], hessian: vec![0.0; variables * variables] }
    }

    /// Adds another's terms.
    pub fn add(&mut self, other: &Self) {
        self.value += other.value;
        for (into, from) in [(&mut self.gradient, &other.gradient), (&mut self.hessian, &other.hessian)] {
            into.iter_mut().zip(from).for_each(|(a, b)| *a += b);
        }
    }
}

/// Why there is no minimum to give.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NewtonError {
    /// Not a number, or flat in some direction.
    #[error("the function to minimise is flat in some direction or not a number: inputs that do not vary, or values that are not finite")]
    Singular,
    /// No convergence.
    #[error("the fit did not settle within {STEPS} steps; raise l2 of [ensemble.meta]")]
    Unsettled,
}

const STEPS: usize = 100;

/// Decrease still promised by the quadratic model, relative to the value, at which the minimum is reached.
const TOLERANCE: f64 = 1e-14;

/// The minimum of a convex function, from `start`. Steps are halved until the value falls enough (Armijo), so it is
/// reached from anywhere.
pub fn minimise(start: Vec<f64>, function: impl Fn(&[f64]) -> Local) -> Result<Vec<f64>, NewtonError> {
    let mut at = start;
    let mut here = function(&at);
    for _ in 0..STEPS {
        let step = solve(&here.hessian, &here.gradient).ok_or(NewtonError::Singular)?;
        let decrement: f64 = step.iter().zip(&here.gradient).map(|(s, g)| s * g).sum();
        if !decrement.is_finite() || !here.value.is_finite() {
            return Err(NewtonError::Singular);
        }
        if decrement <= TOLERANCE * here.value.abs().max(1.0) {
            // So near, the whole step squares what error is left.
            return Ok(at.iter().zip(&step).map(|(a, s)| a - s).collect());
        }
        let mut share = 1.0;
        loop {
            let next: Vec<f64> = at.iter().zip(&step).map(|(a, s)| a - share * s).collect();
            let there = function(&next);
            if there.value <= here.value - 1e-4 * share * decrement {
                (at, here) = (next, there);
                break;
            }
            share *= 0.5;
            if share < 1e-10 {
                // Rounding hides any further decrease.
                return Ok(at);
            }
        }
    }
    Err(NewtonError::Unsettled)
}

/// Solves `matrix * x = right` for a symmetric positive definite matrix by Cholesky's factors (Golub and Van Loan,
/// algorithm 4.2.1). Reads the lower triangle; `None` where the matrix is not positive definite.
fn solve(matrix: &[f64], right: &[f64]) -> Option<Vec<f64>> {
    let n = right.len();
    let scale = (0..n).map(|i| matrix[i * n + i]).fold(0.0, f64::max);
    let mut l = matrix.to_vec();
    for i in 0..n {
        for j in 0..=i {
            let (row, other) = (&l[i * n..i * n + j], &l[j * n..j * n + j]);
            let rest = l[i * n + j] - row.iter().zip(other).map(|(a, b)| a * b).sum::<f64>();
            if i > j {
                l[i * n + j] = rest / l[j * n + j];
            } else if rest > scale * 1e-13 {
                l[i * n + i] = rest.sqrt();
            } else {
                return None;
            }
        }
    }
    let mut x = right.to_vec();
    for i in 0..n {
        let done: f64 = (0..i).map(|j| l[i * n + j] * x[j]).sum();
        x[i] = (x[i] - done) / l[i * n + i];
    }
    for i in (0..n).rev() {
        let done: f64 = (i + 1..n).map(|j| l[j * n + i] * x[j]).sum();
        x[i] = (x[i] - done) / l[i * n + i];
    }
    Some(x)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `sum_i exp(x_i) - target_i x_i`, whose minimum is `ln target`.
    fn exponential(target: [f64; 2]) -> impl Fn(&[f64]) -> Local {
        move |x| Local {
            value: x.iter().zip(target).map(|(v, t)| v.exp() - t * v).sum(),
            gradient: x.iter().zip(target).map(|(v, t)| v.exp() - t).collect(),
            hessian: vec![x[0].exp(), 0.0, 0.0, x[1].exp()],
        }
    }

    #[test]
    fn a_minimum_is_found_from_afar() {
        let at = minimise(vec![-4.0, 9.0], exponential([2.0, 0.5])).unwrap();
        assert!((at[0] - 2.0_f64.ln()).abs() < 1e-7 && (at[1] - 0.5_f64.ln()).abs() < 1e-7, "{at:?}");
    }

    #[test]
    fn a_flat_or_broken_function_is_refused() {
        let flat = |_: &[f64]| Local { value: 1.0, gradient: vec![1.0, 1.0], hessian: vec![1.0, 1.0, 1.0, 1.0] };
        assert_eq!(minimise(vec![0.0; 2], flat), Err(NewtonError::Singular));
        assert_eq!(minimise(vec![f64::NAN; 2], exponential([1.0, 1.0])), Err(NewtonError::Singular));
    }

    #[test]
    fn a_system_is_solved() {
        let x = solve(&[4.0, 0.0, 0.0, 2.0, 5.0, 0.0, 0.0, 3.0, 6.0], &[8.0, 21.0, 24.0]).unwrap();
        for (row, right) in [[4.0, 2.0, 0.0], [2.0, 5.0, 3.0], [0.0, 3.0, 6.0]].iter().zip([8.0, 21.0, 24.0]) {
            assert!((row.iter().zip(&x).map(|(a, b)| a * b).sum::<f64>() - right).abs() < 1e-12);
        }
    }
}
