//! The threads of a run: a few workers, each with its share of the processor.
//!
//! A small net gains little from a second thread, and two nets at once gain much, so tasks are worked on side by side, each
//! in a pool of its own that matrix products keep to.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::sync_channel;

use rayon::{ThreadPool, ThreadPoolBuildError, ThreadPoolBuilder};

/// Workers with a pool each.
pub struct Crew {
    pools: Vec<ThreadPool>,
}

impl Crew {
    /// `threads` (0 = all cores) shared among `workers`, one each at least. Threads are started by the calling thread and have
    /// its priority.
    pub fn new(threads: u32, workers: u32) -> Result<Self, ThreadPoolBuildError> {
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let threads = if threads == 0 { cores } else { threads as usize };
        let workers = (workers as usize).clamp(1, threads);
        let share = |worker: usize| threads / workers + usize::from(worker < threads % workers);
        let pool = |worker: usize| ThreadPoolBuilder::new().num_threads(share(worker)).thread_name(|i| format!("train-{i}")).build();
        Ok(Self { pools: (0..workers).map(pool).collect::<Result<_, _>>()? })
    }

    /// Threads in all.
    pub fn threads(&self) -> usize {
        self.pools.iter().map(ThreadPool::current_num_threads).sum()
    }

    /// Workers.
    pub const fn workers(&self) -> usize {
        self.pools.len()
    }

    /// Does `tasks` in their order, as many at once as there are workers; what they make goes to `sink` on the calling thread,
    /// in the order in which it is done. After the first error no task is begun; it is returned when those at work have ended.
    pub fn each<T: Send, R: Send, E: Send>(
        &self,
        tasks: Vec<T>,
        work: impl Fn(T) -> Result<R, E> + Sync,
        mut sink: impl FnMut(R) -> Result<(), E>,
    ) -> Result<(), E> {
        let (queue, over) = (Mutex::new(tasks.into_iter()), AtomicBool::new(false));
        let (queue, over, work) = (&queue, &over, &work);
        std::thread::scope(|scope| {
            let (send, done) = sync_channel(0);
            for pool in &self.pools {
                let send = send.clone();
                scope.spawn(move || {
                    while !over.load(Ordering::Relaxed) {
                        // A worker that panicked holds no lock: it panics inside its task.
                        let Some(task) = queue.lock().ok().and_then(|mut q| q.next()) else { break };
                        let made = pool.install(|| work(task));
                        if made.is_err() {
                            over.store(true, Ordering::Relaxed);
                        }
                        if send.send(made).is_err() {
                            break;
                        }
                    }
                });
            }
            drop(send);
            let mut end = Ok(());
            for made in done {
                if let Err(e) = made.and_then(&mut sink) {
                    over.store(true, Ordering::Relaxed);
                    if end.is_ok() {
                        end = Err(e);
                    }
                }
            }
            end
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tasks_are_shared_and_the_processor_is_divided() {
        let crew = Crew::new(5, 2).unwrap();
        assert_eq!((crew.threads(), crew.workers()), (5, 2));
        assert_eq!(Crew::new(1, 8).unwrap().workers(), 1, "no worker without a thread");
        let mut sum = 0;
        crew.each(
            (1..=100).collect(),
            |i: u64| Ok::<_, ()>(i * i),
            |square| {
                sum += square;
                Ok(())
            },
        )
        .unwrap();
        assert_eq!(sum, 338_350);
    }

    #[test]
    fn after_an_error_nothing_is_begun() {
        let begun = std::sync::atomic::AtomicUsize::new(0);
        let work = |i: usize| {
            begun.fetch_add(1, Ordering::Relaxed);
            if i == 3 { Err("third") } else { Ok(i) }
        };
        let (alone, crew) = (Crew::new(1, 1).unwrap(), Crew::new(2, 2).unwrap());
        assert_eq!(alone.each((0..1000).collect(), work, |_| Ok(())), Err("third"));
        // What a second worker begins until it hears of the error depends on the machine.
        assert_eq!(begun.load(Ordering::Relaxed), 4);
        assert_eq!(crew.each((0..1000).collect(), work, |_| Ok(())), Err("third"));
        assert_eq!(crew.each(vec![1], |_: u8| Ok(1), |_| Err("sink")), Err("sink"));
    }
}
