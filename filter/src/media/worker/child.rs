//! The worker's side: confine yourself, say so, then answer jobs until there are no more.
//!
//! Nothing here recovers. What goes wrong ends the process, and the service makes another; a panic of a decoder is such an end too.

use std::io::{self, Read, Write};
use std::os::fd::{AsFd as _, BorrowedFd};

use rustix::io::{Errno, retry_on_intr};

use super::protocol::{Answer, JOB_HEADER, Job, write_greeting};
use super::sandbox;
use super::usage::{self, Usage};
use crate::media::image;

/// Runs a worker on standard input and output. Returns when the input ends between two jobs.
///
/// # Errors
/// When the sandbox cannot be entered (the service is told first), when the pipes break, or when a job does not parse.
pub fn run() -> io::Result<()> {
    usage::keep_memory();
    let greeting = sandbox::enter();
    let (stdin, stdout) = (io::stdin(), io::stdout());
    // Not through std's buffers: they look for line ends in pictures.
    let (mut input, mut output) = (Pipe(stdin.as_fd()), Pipe(stdout.as_fd()));
    output.write_all(&write_greeting(&greeting))?;
    greeting.map_err(io::Error::other)?;
    serve(&mut input, &mut output)
}

fn serve(input: &mut impl Read, output: &mut impl Write) -> io::Result<()> {
    let mut header = [0; JOB_HEADER];
    while begin(input, &mut header)? {
        let job = Job::parse(&header).map_err(io::Error::other)?;
        let length = usize::try_from(job.length).map_err(io::Error::other)?;
        let mut file = vec![0; length];
        input.read_exact(&mut file)?;
        let done = image::convert(&file, job.kind, &job.conversion);
        drop(file);
        let mut answer = Answer::new(job.number, Usage::default(), &done);
        let made = done.ok().filter(|_| answer.outcome.is_ok()).map(|made| made.bytes);
        answer.usage = usage::now(made.as_ref().map_or(0, Vec::capacity));
        output.write_all(&answer.write())?;
        output.write_all(made.as_deref().unwrap_or_default())?;
    }
    Ok(())
}

/// Reads the header of the next job; false when there is none.
fn begin(input: &mut impl Read, header: &mut [u8; JOB_HEADER]) -> io::Result<bool> {
    let Some((first, rest)) = header.split_first_mut() else { return Ok(false) };
    if input.read(std::slice::from_mut(first))? == 0 {
        return Ok(false);
    }
    input.read_exact(rest).map(|()| true)
}

struct Pipe<'a>(BorrowedFd<'a>);

impl Read for Pipe<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        retry_on_intr(|| rustix::io::read(self.0, &mut *buffer)).map_err(Errno::into)
    }
}

impl Write for Pipe<'_> {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        retry_on_intr(|| rustix::io::write(self.0, buffer)).map_err(Errno::into)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::image::ConvertError;
    use crate::media::kind::Kind;
    use crate::media::plan::{Conversion, Fit};
    use crate::media::worker::protocol::ANSWER_HEADER;

    const BADGE: Conversion = Conversion { fit: Fit::Badge, animated: false, oriented: true };

    fn job(number: u32, file: &[u8]) -> Vec<u8> {
        let mut bytes = Job::new(number, Kind::Png, BADGE, file.len()).unwrap().write().to_vec();
        bytes.extend_from_slice(file);
        bytes
    }

    #[test]
    fn answers_come_in_order_until_the_input_ends() {
        let input = [job(7, b"no picture"), job(8, b"")].concat();
        let mut output = Vec::new();
        serve(&mut input.as_slice(), &mut output).unwrap();
        let (answers, rest) = output.as_chunks::<ANSWER_HEADER>();
        let answers: Vec<_> = answers.iter().map(|bytes| Answer::parse(bytes).unwrap()).collect();
        assert!(rest.is_empty());
        assert_eq!(answers.iter().map(|answer| answer.number).collect::<Vec<_>>(), [7, 8]);
        assert!(
            answers
                .iter()
                .all(|answer| matches!(answer.outcome, Err(ConvertError::Broken | ConvertError::Unsupported)))
        );
    }

    #[test]
    fn a_job_that_stops_half_way_ends_the_worker() {
        let whole = job(1, b"picture");
        for length in 1..whole.len() {
            assert!(serve(&mut &whole[..length], &mut Vec::new()).is_err(), "{length}");
        }
    }

    #[test]
    fn bytes_that_are_no_job_end_the_worker() {
        assert!(serve(&mut &[b'x'; 64][..], &mut Vec::new()).is_err());
    }
}
