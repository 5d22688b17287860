//! Runs a process and measures its resource use and the machine's other load.
//!
//! **Invariant:** nothing else of this program runs until the process has ended.

use std::io;
use std::mem::MaybeUninit;
use std::process::{Command, Output};

use hopwise_harness::base::wall_clock::WallClock;

use super::machine_load::{CpuTicks, MachineLoad};

/// Resources used by a piece of work.
#[derive(Clone, Copy, Debug, Default)]
pub struct Used {
    /// Seconds from start to end.
    pub wall_s: f64,
    /// User and system time of all threads, in seconds.
    pub cpu_s: f64,
    /// The machine's other load in that time.
    pub load: MachineLoad,
}

/// Runs `command` to its end.
///
/// # Errors
///
/// If the process cannot be started, or its resource use cannot be read.
pub fn run(command: &mut Command) -> io::Result<(Output, Used)> {
    let (output, used) = account(|| command.output())?;
    Ok((output?, used))
}

/// Runs `work`, in this process or in child processes that end with it.
///
/// # Errors
///
/// If its resource use cannot be read.
pub fn account<T>(work: impl FnOnce() -> T) -> io::Result<(T, Used)> {
    let (ticks, cpu_s) = (CpuTicks::now()?, own_cpu_s()?);
    let clock = WallClock::start();
    let result = work();
    let wall_s = clock.elapsed().as_secs_f64();
    let cpu_s = own_cpu_s()? - cpu_s;
    let load = MachineLoad::between(ticks, CpuTicks::now()?, cpu_s);
    Ok((result, Used { wall_s, cpu_s, load }))
}

/// User and system time of this process and of its terminated child processes.
fn own_cpu_s() -> io::Result<f64> {
    Ok(cpu_s(libc::RUSAGE_SELF)? + cpu_s(libc::RUSAGE_CHILDREN)?)
}

fn cpu_s(of: libc::c_int) -> io::Result<f64> {
    let mut usage = MaybeUninit::<libc::rusage>::uninit();
    // SAFETY: `getrusage` writes one `rusage` to the pointer, which has room for it.
    if unsafe { libc::getrusage(of, usage.as_mut_ptr()) } != 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the call has succeeded, so it has written all fields.
    let usage = unsafe { usage.assume_init() };
    let seconds = |time: libc::timeval| time.tv_sec as f64 + time.tv_usec as f64 * 1e-6;
    Ok(seconds(usage.ru_utime) + seconds(usage.ru_stime))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_charged_for_what_it_computes() {
        let mut command = Command::new("sh");
        command.args(["-c", "i=0; while [ $i -lt 50000 ]; do i=$((i+1)); done; echo $i"]);
        let (output, used) = run(&mut command).expect("there is a shell");
        assert_eq!(output.stdout, b"50000\n");
        assert!(used.cpu_s > 0.0 && used.wall_s > 0.0, "{used:?}");
        let (_, idle) = run(Command::new("sleep").arg("0.05")).expect("there is sleep");
        assert!(idle.wall_s >= 0.05, "{idle:?}");
        assert!(run(&mut Command::new("/there/is/none")).is_err());
    }
}
