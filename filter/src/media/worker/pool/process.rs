//! One worker as the service sees it: a child, its two pipes, and the numbers by which it is replaced.

use std::io;
use std::os::unix::process::ExitStatusExt as _;
use std::process::Stdio;
use std::time::Duration;

use rustix::pipe::fcntl_setpipe_size;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::time::timeout;

use super::PoolSettings;
use crate::media::image::{ConvertError, Converted};
use crate::media::worker::protocol::{self, ANSWER_HEADER, Answer, GREETING, Greeting, Job, Usage};
use crate::media::worker::sandbox::CPU_SECONDS;

/// The size of the pipes in bytes, where the kernel grants it: fewer switches between two processes for each file.
const PIPE: usize = 1 << 20;
/// The CPU time after which a worker is replaced, so that no honest one meets its limit.
const CPU: Duration = Duration::from_secs(CPU_SECONDS / 2);
/// How long to wait for the status of a process that has closed its pipes.
const STATUS: Duration = Duration::from_millis(200);

pub(super) struct Process {
    child: Child,
    input: ChildStdin,
    output: ChildStdout,
    jobs: u32,
    usage: Usage,
}

/// How a process failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Failure {
    /// seccomp killed it.
    Violation,
    /// SIGKILL, which comes from outside only: the administrator, or the kernel that is out of memory. The file is not to blame.
    Killed,
    /// Anything else.
    Crash,
}

impl Process {
    /// Starts one. It dies when this value is dropped, and with the thread that called this.
    ///
    /// # Errors
    /// When the program cannot be started.
    pub(super) fn spawn(settings: &PoolSettings) -> io::Result<Self> {
        let mut child = Command::new(&settings.program)
            .args(&settings.args)
            .env_clear()
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            // A decoder's complaints quote the file. Numbers cross the pipe, never a text of the file.
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()?;
        let (Some(input), Some(output)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(io::ErrorKind::BrokenPipe.into());
        };
        // Refused where the user's share of pipe memory is used up: then they stay small.
        let _ = fcntl_setpipe_size(&input, PIPE);
        let _ = fcntl_setpipe_size(&output, PIPE);
        Ok(Self { child, input, output, jobs: 0, usage: Usage::default() })
    }

    /// Its first words; None when they are none.
    pub(super) async fn greeting(&mut self) -> Option<Greeting> {
        let mut bytes = [0; GREETING];
        self.output.read_exact(&mut bytes).await.ok()?;
        protocol::parse_greeting(&bytes).ok()
    }

    /// Whether it runs, as far as the kernel says.
    pub(super) fn is_alive(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// Whether it should do no further job.
    pub(super) fn is_used_up(&self, settings: &PoolSettings) -> bool {
        let held = u64::from(self.usage.held_kib) << 10;
        self.jobs >= settings.jobs_per_worker || held > settings.held_bytes || self.usage.cpu() > CPU
    }

    /// Gives it a job and waits for the answer, for ever if need be. After a failure, or when the future is dropped, it must do no further job.
    pub(super) async fn exchange(
        &mut self,
        job: &Job,
        input: &[u8],
    ) -> Result<Result<Converted, ConvertError>, Failure> {
        match self.try_exchange(job, input).await {
            Ok(answer) => Ok(answer),
            Err(_) => Err(self.failure().await),
        }
    }

    async fn try_exchange(&mut self, job: &Job, input: &[u8]) -> io::Result<Result<Converted, ConvertError>> {
        self.jobs = self.jobs.saturating_add(1);
        self.input.write_all(&job.write()).await?;
        self.input.write_all(input).await?;
        let mut header = [0; ANSWER_HEADER];
        self.output.read_exact(&mut header).await?;
        let answer = Answer::parse(&header).map_err(io::Error::other)?;
        if answer.number != job.number {
            return Err(io::ErrorKind::InvalidData.into());
        }
        self.usage = answer.usage;
        let kind = match answer.outcome {
            Ok(kind) => kind,
            Err(error) => return Ok(Err(error)),
        };
        // Grows with what really arrives, not with what is announced.
        let mut bytes = Vec::new();
        let length = u64::from(answer.length);
        let read = (&mut self.output).take(length).read_to_end(&mut bytes).await?;
        if u64::try_from(read).ok() == Some(length) {
            Ok(Ok(Converted { kind, bytes }))
        } else {
            Err(io::ErrorKind::UnexpectedEof.into())
        }
    }

    /// Why it failed, where it is dead already: its pipes close a moment before its status is there.
    async fn failure(&mut self) -> Failure {
        let status = timeout(STATUS, self.child.wait()).await;
        match status {
            Ok(Ok(status)) => match status.signal() {
                Some(libc::SIGSYS) => Failure::Violation,
                Some(libc::SIGKILL) => Failure::Killed,
                _ => Failure::Crash,
            },
            _ => Failure::Crash,
        }
    }
}
