use proptest::prelude::*;

use super::*;

fn conversion() -> impl Strategy<Value = Conversion> {
    let fit = prop_oneof![
        any::<u32>().prop_map(Fit::Height),
        any::<(u32, u32)>().prop_map(|(width, height)| Fit::Inside(width, height)),
        Just(Fit::Badge),
    ];
    (fit, any::<bool>(), any::<bool>()).prop_map(|(fit, animated, oriented)| Conversion { fit, animated, oriented })
}

fn outcome() -> impl Strategy<Value = Result<Kind, ConvertError>> {
    prop_oneof![prop::sample::select(&OUTPUTS[..]).prop_map(Ok), prop::sample::select(&REFUSALS[..]).prop_map(Err)]
}

proptest! {
    #[test]
    fn a_job_survives_the_pipe(number: u32, kind in prop::sample::select(&INPUTS[..]), conversion in conversion(), length in 0..=MAX_JOB) {
        let job = Job::new(number, kind, conversion, length).unwrap();
        prop_assert_eq!(Job::parse(&job.write()), Ok(job));
    }

    #[test]
    fn an_answer_survives_the_pipe(number: u32, outcome in outcome(), cpu_ms: u32, held_kib: u32, length in 0..=MAX_ANSWER) {
        let length = if outcome.is_ok() { u32::try_from(length).unwrap() } else { 0 };
        let answer = Answer { number, outcome, usage: Usage { cpu_ms, held_kib }, length };
        prop_assert_eq!(Answer::parse(&answer.write()), Ok(answer));
    }

    /// Whatever parses is exactly what would be written: there is one spelling for each message.
    #[test]
    fn hostile_bytes_are_refused_or_mean_themselves(job: [u8; JOB_HEADER - 4], answer: [u8; ANSWER_HEADER - 4], greeting: [u8; GREETING - 4]) {
        let job = with_magic(JOB_MAGIC, &job);
        if let Ok(parsed) = Job::parse(&job) {
            prop_assert_eq!(parsed.write(), job);
        }
        let answer = with_magic(ANSWER_MAGIC, &answer);
        if let Ok(parsed) = Answer::parse(&answer) {
            prop_assert_eq!(parsed.write(), answer);
            prop_assert!(usize::try_from(parsed.length).unwrap() <= MAX_ANSWER);
        }
        let _ = parse_greeting(&with_magic(GREETING_MAGIC, &greeting));
    }

    #[test]
    fn one_changed_byte_never_panics(place in 0..ANSWER_HEADER, value: u8) {
        let made = Ok(Converted { kind: Kind::Webp, bytes: vec![0; 7] });
        let mut bytes = Answer::new(9, Usage::default(), &made).write();
        bytes[place] = value;
        let _ = Answer::parse(&bytes);
        let _ = Job::parse(&bytes);
    }
}

fn with_magic<const N: usize>(magic: [u8; 4], rest: &[u8]) -> [u8; N] {
    let mut all = magic.to_vec();
    all.extend_from_slice(rest);
    all.try_into().unwrap()
}

const SMALL: Conversion = Conversion { fit: Fit::Height(128), animated: true, oriented: false };

#[test]
fn lengths_are_bounded() {
    assert_eq!(Job::new(0, Kind::Png, SMALL, MAX_JOB + 1), Err(ConvertError::TooLarge));
    assert!(Job::new(0, Kind::Png, SMALL, MAX_JOB).is_ok());
    let mut job = Job::new(0, Kind::Png, SMALL, 0).unwrap();
    job.length = u32::try_from(MAX_JOB + 1).unwrap();
    assert_eq!(Job::parse(&job.write()), Err(ProtocolError::Length(job.length)));

    let made = |length| Ok(Converted { kind: Kind::Webp, bytes: vec![0; length] });
    assert_eq!(Answer::new(0, Usage::default(), &made(MAX_ANSWER)).outcome, Ok(Kind::Webp));
    let too_long = Answer::new(0, Usage::default(), &made(MAX_ANSWER + 1));
    assert_eq!((too_long.outcome, too_long.length), (Err(ConvertError::Encoding), 0));
}

#[test]
fn only_pictures_are_given_and_taken() {
    for kind in [Kind::Unknown, Kind::Playable("video/mp4")] {
        assert_eq!(Job::new(0, kind, SMALL, 1), Err(ConvertError::Unsupported));
    }
    let jpeg = Ok(Converted { kind: Kind::Jpeg, bytes: Vec::new() });
    assert_eq!(Answer::new(0, Usage::default(), &jpeg).outcome, Err(ConvertError::Encoding));
}

#[test]
fn a_failure_carries_no_file() {
    let answer = Answer { number: 1, outcome: Err(ConvertError::Blank), usage: Usage::default(), length: 1 };
    assert_eq!(Answer::parse(&answer.write()), Err(ProtocolError::Field("status")));
}

#[test]
fn a_greeting_survives_the_pipe() {
    for landlock in [Landlock::None, Landlock::Partial, Landlock::Full] {
        for apparmor in [false, true] {
            let greeting = Ok(Confinement { landlock, apparmor });
            assert_eq!(parse_greeting(&write_greeting(&greeting)), Ok(greeting));
        }
    }
    for stage in Stage::ALL {
        let greeting = Err(SandboxError { stage, errno: libc::EPERM });
        assert_eq!(parse_greeting(&write_greeting(&greeting)), Ok(greeting));
    }
}
