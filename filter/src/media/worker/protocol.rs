//! What crosses the pipes between the service and a worker: a greeting, then jobs in and answers out, one at a time.
//!
//! Every message is a header of a fixed size, little-endian, and for jobs and answers the bytes of a file, of a length that the header tells and a
//! constant bounds. The worker may have been taken over by the file that it read, so the service believes nothing: what does not parse is a crash.

use std::time::Duration;

use super::sandbox::{Confinement, Landlock, SandboxError, Stage};
use crate::media::image::{ConvertError, Converted};
use crate::media::kind::Kind;
use crate::media::plan::{Conversion, Fit};

/// The longest file that a worker is given, in bytes.
pub const MAX_JOB: usize = 64 << 20;
/// The longest file that a worker may answer with, in bytes.
pub const MAX_ANSWER: usize = 32 << 20;

/// The length of a greeting, in bytes.
pub const GREETING: usize = 12;
/// The length of a job's header, in bytes.
pub const JOB_HEADER: usize = 24;
/// The length of an answer's header, in bytes.
pub const ANSWER_HEADER: usize = 24;

const GREETING_MAGIC: [u8; 4] = *b"SKw1";
const JOB_MAGIC: [u8; 4] = *b"SKj1";
const ANSWER_MAGIC: [u8; 4] = *b"SKa1";

/// The types that a worker is given; their place here is their number. All others are no pictures.
const INPUTS: [Kind; 10] =
    [Kind::Jpeg, Kind::Png, Kind::Apng, Kind::Gif, Kind::Webp, Kind::Avif, Kind::Tiff, Kind::Bmp, Kind::Ico, Kind::Svg];
/// The types that a worker makes.
const OUTPUTS: [Kind; 2] = [Kind::Webp, Kind::Png];
/// Why a worker made none; its place here plus one is its number, as 0 means success.
const REFUSALS: [ConvertError; 5] = [
    ConvertError::Broken,
    ConvertError::TooLarge,
    ConvertError::Unsupported,
    ConvertError::Blank,
    ConvertError::Encoding,
];

/// A message that the other side did not write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProtocolError {
    /// The first bytes are of no such message.
    Magic,
    /// A number that means nothing, by the name of its field.
    Field(&'static str),
    /// A length above the limit, in bytes.
    Length(u32),
}

impl std::fmt::Display for ProtocolError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Magic => f.write_str("not a message of this protocol"),
            Self::Field(name) => write!(f, "no such {name}"),
            Self::Length(length) => write!(f, "{length} bytes are too many"),
        }
    }
}

impl std::error::Error for ProtocolError {}

/// The first words of a worker, before it reads anything: how it is confined, or that it could not confine itself and ends.
pub type Greeting = Result<Confinement, SandboxError>;

/// The bytes of a greeting.
#[must_use]
pub fn write_greeting(greeting: &Greeting) -> [u8; GREETING] {
    let mut out = Writer::<GREETING>::new(GREETING_MAGIC);
    match greeting {
        Ok(confinement) => {
            out.u8(0);
            out.u8(confinement.landlock.number());
            out.u8(u8::from(confinement.apparmor));
        }
        Err(error) => {
            out.u8(error.stage.number());
            out.u8(0);
            out.u8(0);
        }
    }
    out.u8(0);
    out.u32(greeting.as_ref().err().map_or(0, |error| error.errno.unsigned_abs()));
    out.bytes
}

/// Reads a greeting.
///
/// # Errors
/// When these bytes are none.
pub fn parse_greeting(bytes: &[u8; GREETING]) -> Result<Greeting, ProtocolError> {
    let mut rest = Reader::new(bytes, GREETING_MAGIC)?;
    let (stage, landlock, apparmor, zero, errno) = (rest.u8(), rest.u8(), rest.u8(), rest.u8(), rest.u32());
    if zero != 0 || apparmor > 1 {
        return Err(ProtocolError::Field("greeting"));
    }
    if stage != 0 {
        let stage = Stage::from_number(stage).ok_or(ProtocolError::Field("stage"))?;
        let errno = i32::try_from(errno).map_err(|_| ProtocolError::Field("errno"))?;
        return Ok(Err(SandboxError { stage, errno }));
    }
    let landlock = Landlock::from_number(landlock).ok_or(ProtocolError::Field("Landlock level"))?;
    Ok(Ok(Confinement { landlock, apparmor: apparmor == 1 }))
}

/// A job without its file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Job {
    /// The job's number, which its answer repeats: no answer may ever be taken for that of another job.
    pub number: u32,
    /// The type of the file.
    pub kind: Kind,
    /// The picture to make.
    pub conversion: Conversion,
    /// The length of the file in bytes, [`MAX_JOB`] at most.
    pub length: u32,
}

impl Job {
    /// A job about a file of so many bytes.
    ///
    /// # Errors
    /// [`ConvertError::TooLarge`], or [`ConvertError::Unsupported`] for a type that is no picture.
    pub fn new(number: u32, kind: Kind, conversion: Conversion, length: usize) -> Result<Self, ConvertError> {
        if !INPUTS.contains(&kind) {
            return Err(ConvertError::Unsupported);
        }
        let length = u32::try_from(length).ok().filter(|_| length <= MAX_JOB).ok_or(ConvertError::TooLarge)?;
        Ok(Self { number, kind, conversion, length })
    }

    /// The header of this job; the file follows.
    #[must_use]
    pub fn write(&self) -> [u8; JOB_HEADER] {
        let mut out = Writer::<JOB_HEADER>::new(JOB_MAGIC);
        let (fit, width, height) = match self.conversion.fit {
            Fit::Height(height) => (0, 0, height),
            Fit::Inside(width, height) => (1, width, height),
            Fit::Badge => (2, 0, 0),
        };
        out.u32(self.number);
        // `new` knows the type; 255 is refused on the other side.
        out.u8(place(&INPUTS, &self.kind).unwrap_or(u8::MAX));
        out.u8(fit);
        out.u8(u8::from(self.conversion.animated) | u8::from(self.conversion.oriented) << 1);
        out.u8(0);
        out.u32(width);
        out.u32(height);
        out.u32(self.length);
        out.bytes
    }

    /// Reads the header of a job.
    ///
    /// # Errors
    /// When these bytes are none, or the file is longer than [`MAX_JOB`].
    pub fn parse(bytes: &[u8; JOB_HEADER]) -> Result<Self, ProtocolError> {
        let mut rest = Reader::new(bytes, JOB_MAGIC)?;
        let number = rest.u32();
        let kind = *INPUTS.get(usize::from(rest.u8())).ok_or(ProtocolError::Field("type"))?;
        let (fit, flags, zero) = (rest.u8(), rest.u8(), rest.u8());
        let (width, height) = (rest.u32(), rest.u32());
        let fit = match (fit, width, height) {
            (0, 0, _) => Fit::Height(height),
            (1, _, _) => Fit::Inside(width, height),
            (2, 0, 0) => Fit::Badge,
            _ => return Err(ProtocolError::Field("size")),
        };
        if flags > 0b11 || zero != 0 {
            return Err(ProtocolError::Field("flag"));
        }
        let length = rest.length(MAX_JOB)?;
        let conversion = Conversion { fit, animated: flags & 1 != 0, oriented: flags & 2 != 0 };
        Ok(Self { number, kind, conversion, length })
    }
}

/// What the worker has used, by its own account: enough to replace it in time, not to be relied on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// The CPU time of the process so far, in whole milliseconds.
    pub cpu_ms: u32,
    /// The memory that is still allocated after the job, in KiB.
    pub held_kib: u32,
}

impl Usage {
    /// The CPU time of the process so far.
    #[must_use]
    pub fn cpu(&self) -> Duration {
        Duration::from_millis(self.cpu_ms.into())
    }
}

/// An answer without its file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The number of the job.
    pub number: u32,
    /// The type of the file that follows, or why there is none.
    pub outcome: Result<Kind, ConvertError>,
    /// What the worker used.
    pub usage: Usage,
    /// The length of the file in bytes, [`MAX_ANSWER`] at most.
    pub length: u32,
}

impl Answer {
    /// The answer to a job. A picture of another type than the two that are made, or too long a one, is a failure of the encoder.
    #[must_use]
    pub fn new(number: u32, usage: Usage, done: &Result<Converted, ConvertError>) -> Self {
        let outcome = match done {
            Ok(made) if OUTPUTS.contains(&made.kind) && made.bytes.len() <= MAX_ANSWER => Ok(made.kind),
            Ok(_) => Err(ConvertError::Encoding),
            Err(error) => Err(*error),
        };
        let length = match (done, outcome) {
            (Ok(made), Ok(_)) => u32::try_from(made.bytes.len()).unwrap_or(u32::MAX),
            _ => 0,
        };
        Self { number, outcome, usage, length }
    }

    /// The header of this answer; the file follows, if there is one.
    #[must_use]
    pub fn write(&self) -> [u8; ANSWER_HEADER] {
        let mut out = Writer::<ANSWER_HEADER>::new(ANSWER_MAGIC);
        let unknown = u8::MAX;
        let (status, kind) = match &self.outcome {
            Ok(kind) => (0, place(&OUTPUTS, kind).unwrap_or(unknown)),
            Err(error) => (place(&REFUSALS, error).map_or(unknown, |place| place + 1), 0),
        };
        out.u32(self.number);
        out.u8(status);
        out.u8(kind);
        out.u8(0);
        out.u8(0);
        out.u32(self.usage.cpu_ms);
        out.u32(self.usage.held_kib);
        out.u32(self.length);
        out.bytes
    }

    /// Reads the header of an answer.
    ///
    /// # Errors
    /// When these bytes are none, the file is longer than [`MAX_ANSWER`], or there is a file after a failure.
    pub fn parse(bytes: &[u8; ANSWER_HEADER]) -> Result<Self, ProtocolError> {
        let mut rest = Reader::new(bytes, ANSWER_MAGIC)?;
        let number = rest.u32();
        let (status, kind) = (rest.u8(), rest.u8());
        if rest.u8() != 0 || rest.u8() != 0 {
            return Err(ProtocolError::Field("padding"));
        }
        let usage = Usage { cpu_ms: rest.u32(), held_kib: rest.u32() };
        let length = rest.length(MAX_ANSWER)?;
        let outcome = match status.checked_sub(1) {
            None => Ok(*OUTPUTS.get(usize::from(kind)).ok_or(ProtocolError::Field("type"))?),
            Some(place) => Err(*REFUSALS.get(usize::from(place)).ok_or(ProtocolError::Field("status"))?),
        };
        if outcome.is_err() && (length != 0 || kind != 0) {
            return Err(ProtocolError::Field("status"));
        }
        Ok(Self { number, outcome, usage, length })
    }
}

fn place<T: PartialEq>(table: &[T], wanted: &T) -> Option<u8> {
    table.iter().position(|one| one == wanted).and_then(|place| u8::try_from(place).ok())
}

/// Writes the fields of a header one after another; what does not fit is a fault of this file and stays away.
struct Writer<const N: usize> {
    bytes: [u8; N],
    at: usize,
}

impl<const N: usize> Writer<N> {
    fn new(magic: [u8; 4]) -> Self {
        let mut out = Self { bytes: [0; N], at: 0 };
        out.put(&magic);
        out
    }

    fn put(&mut self, bytes: &[u8]) {
        if let Some(place) = self.bytes.get_mut(self.at..self.at + bytes.len()) {
            place.copy_from_slice(bytes);
        }
        self.at += bytes.len();
    }

    fn u8(&mut self, value: u8) {
        self.put(&[value]);
    }

    fn u32(&mut self, value: u32) {
        self.put(&value.to_le_bytes());
    }
}

/// Reads them again.
struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    fn new(bytes: &'a [u8], magic: [u8; 4]) -> Result<Self, ProtocolError> {
        bytes.strip_prefix(&magic).map(|rest| Self { rest }).ok_or(ProtocolError::Magic)
    }

    fn take<const N: usize>(&mut self) -> [u8; N] {
        let Some((first, rest)) = self.rest.split_first_chunk() else { return [0; N] };
        self.rest = rest;
        *first
    }

    fn u8(&mut self) -> u8 {
        u8::from_le_bytes(self.take())
    }

    fn u32(&mut self) -> u32 {
        u32::from_le_bytes(self.take())
    }

    fn length(&mut self, limit: usize) -> Result<u32, ProtocolError> {
        let length = self.u32();
        let fits = usize::try_from(length).is_ok_and(|length| length <= limit);
        if fits { Ok(length) } else { Err(ProtocolError::Length(length)) }
    }
}

#[cfg(test)]
mod tests;
