//! Has points fail, in the build of the tests.

use std::collections::HashMap;

use napi_derive::napi;

use crate::inject;

/// Has `point` fail `times` times, after it was passed `after` times. Without `errno`, and where nothing of the system is called: with a panic.
/// Without a point nothing fails. Counts anew.
#[napi]
pub fn inject(point: Option<String>, after: u32, times: u32, errno: Option<i32>) {
    inject::arm(point.map(|point| inject::Plan { point, errno, after, times }));
}

/// What has happened since then.
#[napi(object, object_from_js = false)]
pub struct Passed {
    /// How often each point was passed.
    pub points: HashMap<String, u32>,
    /// How often one failed.
    pub failed: u32,
}

/// What has happened since a point was chosen.
#[napi]
pub fn passed() -> Passed {
    let (points, failed) = inject::passed();
    Passed { points: points.into_iter().map(|(name, count)| (name.to_owned(), count)).collect(), failed }
}
