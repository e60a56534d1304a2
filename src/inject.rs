//! Failures on demand, for tests: a bug that panics, a call of the system that fails. Each point has a name. Without the feature `inject`, which
//! nothing that is published has, nothing of it is compiled.

pub use self::on_demand::*;

/// May panic.
#[inline]
pub fn point(name: &'static str) {
    Point::new(name).pass();
}

/// May panic whenever it is polled.
#[inline]
pub fn task<F: Future>(name: &'static str, task: F) -> impl Future<Output = F::Output> {
    Point::new(name).task(task)
}

#[cfg(not(feature = "inject"))]
mod on_demand {
    use std::io;

    /// A name of which nothing is left. Functions that are given one to pass on make it at once, so that none gets into what is published.
    #[derive(Clone, Copy, Debug)]
    pub struct Point;

    impl Point {
        /// One of this name.
        #[inline]
        #[must_use]
        pub const fn new(_: &'static str) -> Self {
            Self
        }

        /// May panic.
        #[inline]
        pub const fn pass(self) {}

        /// May panic whenever it is polled.
        #[inline]
        pub const fn task<F: Future>(self, task: F) -> F {
            task
        }
    }

    /// May fail as a call of the system does.
    ///
    /// # Errors
    /// None here.
    #[inline]
    pub const fn system(_: &'static str) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(feature = "inject")]
mod on_demand {
    use std::{
        collections::BTreeMap,
        io,
        pin::pin,
        sync::{Mutex, MutexGuard, PoisonError},
    };

    /// What is to fail.
    #[derive(Debug)]
    pub struct Plan {
        /// The point.
        pub point: String,
        /// What the system says. None: it panics.
        pub errno: Option<i32>,
        /// How often it is passed before.
        pub after: u32,
        /// How often it fails.
        pub times: u32,
    }

    struct Points {
        plan: Option<Plan>,
        passed: BTreeMap<&'static str, u32>,
        failed: u32,
    }

    static POINTS: Mutex<Points> = Mutex::new(Points { plan: None, passed: BTreeMap::new(), failed: 0 });

    fn points() -> MutexGuard<'static, Points> {
        POINTS.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Carries out a plan from now on, in place of the one before. Counts anew.
    pub fn arm(plan: Option<Plan>) {
        *points() = Points { plan, passed: BTreeMap::new(), failed: 0 };
    }

    /// How often each point was passed since then, and how often one failed.
    pub fn passed() -> (BTreeMap<&'static str, u32>, u32) {
        let points = points();
        (points.passed.clone(), points.failed)
    }

    impl Points {
        /// What a point has to do this time.
        fn pass(&mut self, name: &'static str) -> Turn {
            *self.passed.entry(name).or_default() += 1;
            let plan = self.plan.as_mut().filter(|plan| plan.point == name && plan.times > 0);
            let Some(plan) = plan else { return Turn::Pass };
            if plan.after > 0 {
                plan.after -= 1;
                return Turn::Pass;
            }
            plan.times -= 1;
            self.failed += 1;
            plan.errno.map_or(Turn::Panic, Turn::Fail)
        }
    }

    enum Turn {
        Pass,
        Panic,
        Fail(i32),
    }

    /// A point of this name.
    #[derive(Clone, Copy, Debug)]
    pub struct Point(&'static str);

    impl Point {
        /// One of this name.
        #[must_use]
        pub const fn new(name: &'static str) -> Self {
            Self(name)
        }

        /// May panic.
        ///
        /// # Panics
        /// If the plan says so.
        #[expect(clippy::panic, reason = "that is what it is for")]
        pub fn pass(self) {
            // In two steps: the panic must not hold the lock.
            let turn = points().pass(self.0);
            match turn {
                Turn::Pass => {}
                Turn::Panic | Turn::Fail(_) => panic!("injected at {}", self.0),
            }
        }

        /// May panic whenever it is polled.
        pub async fn task<F: Future>(self, task: F) -> F::Output {
            let mut task = pin!(task);
            std::future::poll_fn(move |context| {
                self.pass();
                task.as_mut().poll(context)
            })
            .await
        }
    }

    /// May fail as a call of the system does.
    ///
    /// # Errors
    /// What the plan says.
    ///
    /// # Panics
    /// If the plan says so.
    #[expect(clippy::panic, reason = "that is what it is for")]
    pub fn system(name: &'static str) -> io::Result<()> {
        let turn = points().pass(name);
        match turn {
            Turn::Pass => Ok(()),
            Turn::Panic => panic!("injected at {name}"),
            Turn::Fail(errno) => Err(io::Error::from_raw_os_error(errno)),
        }
    }
}
