//! Search of hyper-parameters: trials of a space of configurations, kept in a study that outlives its processes.
//!
//! ```text
//! Space ─Sampler→ Values ─plan_of→ Plan ─train→ score ─→ Study (SQLite) ─best→ Plan
//!                                        └ step by step: Pruner
//! ```
//!
//! Invariant: every trial is measured on the same documents, which it has not learned from; what a trial fits, it fits
//! on its training part. One worker with a limit of trials gives the same trials each time, however often it was
//! interrupted.

mod importance;
mod objective;
mod plot;
mod pruner;
mod sampler;
mod search;
mod space;
mod space_file;
mod study;
mod tpe;
mod trial;
mod worker;

pub use importance::{Importance, importance};
pub use objective::Limits;
pub use plot::page;
pub use pruner::Pruner;
pub use sampler::{Observation, Sampler};
pub use search::{SearchSpec, TuneEvent, Watch, search};
pub use space::{Parameter, RECIPE_KEY, Range, Space, Values, plan_of};
pub use space_file::{SPACES, SpaceFile};
pub use study::{Identity, Study};
/// A value of the configuration.
pub use toml::Value;
pub use trial::{State, Trial, best, best_of};
