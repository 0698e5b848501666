//! What may be wrong with the description of a net.

/// The largest size of anything.
pub(super) const MAX_SIZE: usize = 1 << 20;

/// Layers that do not fit together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CompileError {
    /// Which layer: `layers[2]`, `layers[1].branches[0][3]`.
    pub place: String,
    /// What was found and what was expected.
    pub problem: String,
    /// How to mend it.
    pub help: String,
}

impl CompileError {
    pub(crate) fn new(place: impl Into<String>, problem: impl Into<String>, help: impl Into<String>) -> Self {
        Self { place: place.into(), problem: problem.into(), help: help.into() }
    }
}

impl std::fmt::Display for CompileError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {} (help: {})", self.place, self.problem, self.help)
    }
}

impl std::error::Error for CompileError {}

pub(super) fn several_widths(place: &str) -> CompileError {
    CompileError::new(
        place,
        "filters of several widths stand on different numbers of positions",
        "use padding = \"same\", or put the convolution between an embedding and a global maximum",
    )
}

pub(super) fn check_size(place: &str, field: &str, value: usize) -> Result<(), CompileError> {
    if value == 0 || value > MAX_SIZE {
        let problem = format!("{field} is {value}, expected 1 to {MAX_SIZE}");
        return Err(CompileError::new(place, problem, format!("choose another {field}")));
    }
    Ok(())
}

pub(super) fn check_conv(place: &str, widths: &[usize], filters: usize) -> Result<(), CompileError> {
    check_size(place, "filters", filters)?;
    if widths.is_empty() {
        return Err(CompileError::new(place, "widths is empty", "give at least one, such as widths = [3]"));
    }
    widths.iter().try_for_each(|&width| check_size(place, "width", width))
}

pub(super) fn check_rate(place: &str, rate: f64) -> Result<(), CompileError> {
    if (0.0..1.0).contains(&rate) {
        return Ok(());
    }
    let problem = format!("a dropout rate of {rate}, expected 0 or more and below 1");
    Err(CompileError::new(place, problem, "choose for example 0.5"))
}

/// Refuses a bound of random numbers that is not one.
pub(super) fn check_bound(place: &str, field: &str, bound: f64) -> Result<(), CompileError> {
    if bound >= 0.0 && bound.is_finite() {
        return Ok(());
    }
    let problem = format!("{field} is {bound}, expected a number from 0 up");
    Err(CompileError::new(place, problem, "choose for example 0.05"))
}

/// Refuses a number that does not keep a norm finite.
pub(super) fn check_epsilon(place: &str, epsilon: f64) -> Result<(), CompileError> {
    if epsilon > 0.0 && epsilon < 1.0 {
        return Ok(());
    }
    let problem = format!("epsilon is {epsilon}, expected a number above 0 and below 1");
    Err(CompileError::new(place, problem, "choose for example 1e-5"))
}
