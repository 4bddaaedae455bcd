use std::net::Ipv4Addr;

use proptest::prelude::*;

use super::*;

const SEED: [u8; 16] = *b"sixteen letters.";
const LIMITS: Limits = Limits { requests_per_minute: 60, burst_requests: 3, seconds_per_minute: 30, burst_seconds: 12 };

fn limiter(limits: &Limits, clients: usize) -> Limiter {
    Limiter::new(limits, Duration::from_secs(5), clients, SEED)
}

fn client(number: u32) -> Client {
    Client::new(Ipv4Addr::from(number).into())
}

fn at(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

#[test]
fn requests() {
    let limiter = limiter(&LIMITS, 64);
    let ask = |millis| {
        let ticket = limiter.charge(at(millis), client(1))?;
        limiter.refund(at(millis), ticket, Duration::ZERO);
        Ok(())
    };
    assert_eq!([ask(0), ask(0), ask(0)], [Ok(()); 3]);
    // One a second, from the moment of the third.
    assert_eq!(ask(0), Err(RetryAfter(at(1000))));
    assert_eq!(ask(400), Err(RetryAfter(at(600))));
    assert_eq!((ask(1000), ask(1000)), (Ok(()), Err(RetryAfter(at(1000)))));
    assert_eq!([ask(60_000), ask(60_000), ask(60_000)], [Ok(()); 3]);
    assert!(ask(60_000).is_err());
    assert!(limiter.charge(at(60_000), client(2)).is_ok());
    // A clock that goes back.
    assert!(ask(0).is_err());
}

#[test]
fn work_is_charged_in_full_and_refunded() {
    let limits = Limits { requests_per_minute: 0, ..LIMITS };
    let limiter = limiter(&limits, 64);
    let charge = |millis| limiter.charge(at(millis), client(1));
    let (first, _lost) = (charge(0).unwrap(), charge(0).unwrap());
    // Ten of twelve seconds are held; half a second is paid a second.
    assert_eq!(charge(0), Err(RetryAfter(at(6000))));
    limiter.refund(at(0), first, at(100));
    // 5.1 s are owed.
    let third = charge(0).unwrap();
    assert_eq!(charge(0), Err(RetryAfter(at(6200))));
    // It used more than it was charged.
    limiter.refund(at(0), third, at(7000));
    assert_eq!(charge(0), Err(RetryAfter(at(10_200))));
    // Nobody can owe less than nothing.
    let rest = charge(100_000).unwrap();
    limiter.refund(at(200_000), rest, Duration::ZERO);
    assert!(charge(200_000).is_ok() && charge(200_000).is_ok() && charge(200_000).is_err());
}

#[test]
fn no_rate_is_no_limit() {
    let limiter = limiter(&Limits { requests_per_minute: 0, seconds_per_minute: 0, ..LIMITS }, 8);
    for number in 0..1000 {
        assert!(limiter.charge(at(0), client(number % 3)).is_ok());
    }
}

#[test]
fn many_addresses_wash_no_debt_away() {
    let limits = Limits { requests_per_minute: 60, burst_requests: 100, seconds_per_minute: 0, burst_seconds: 1 };
    let limiter = limiter(&limits, 64);
    let mut admitted = 0;
    for round in 0..100 {
        admitted += u32::from(limiter.charge(at(0), client(1)).is_ok());
        admitted += u32::from(limiter.charge(at(0), client(1)).is_ok());
        // Fifty addresses for each slot.
        for other in 0..32 {
            let _ = limiter.charge(at(0), client(1000 + round * 32 + other));
        }
    }
    assert_eq!(admitted, 100);
    // Newcomers are served while most of the table owes little.
    let limiter = self::limiter(&limits, 64);
    for number in 0..3200 {
        assert!(limiter.charge(at(0), client(number)).is_ok(), "{number}");
    }
}

#[test]
fn the_memory_is_fixed() {
    let limiter = Limiter::new(&Limits::default(), Duration::from_secs(5), DEFAULT_CLIENTS, SEED);
    let slots = |limiter: &Limiter| -> usize {
        limiter.shards.iter().map(|shard| shard.lock().unwrap().sets.len() * WAYS).sum()
    };
    assert_eq!(slots(&limiter), DEFAULT_CLIENTS);
    assert!(size_of::<Slot>() <= 64);
    for number in 0..200_000 {
        assert!(limiter.charge(at(0), client(number)).is_ok());
    }
    assert_eq!(slots(&limiter), DEFAULT_CLIENTS);
    // A slot that was taken takes no refund for the one before.
    let small = self::limiter(&LIMITS, 1);
    let tickets: Vec<_> = (0..9).filter_map(|number| small.charge(at(0), client(number)).ok()).collect();
    assert_eq!(tickets.len(), 9);
    for ticket in tickets {
        small.refund(at(0), ticket, Duration::ZERO);
    }
    let owed: u64 = small.shards[0].lock().unwrap().sets[0].iter().map(|slot| slot.work).sum();
    assert_eq!(owed, 5000 * PARTS);
}

proptest! {
    #[test]
    fn nobody_gets_more_than_the_burst_and_the_rate(
        steps in proptest::collection::vec((0_u64..3000, 0_u32..40, 0_u64..6000), 1..400),
        slots in prop::sample::select(vec![8_usize, 16, 256]),
    ) {
        let limiter = limiter(&LIMITS, slots);
        let (mut now, mut admitted) = (0, std::collections::HashMap::<u32, (u64, u64)>::new());
        for (step, number, used) in steps {
            now += step;
            if let Ok(ticket) = limiter.charge(at(now), client(number)) {
                limiter.refund(at(now), ticket, at(used));
                let (requests, work) = admitted.entry(number).or_default();
                (*requests, *work) = (*requests + 1, *work + used);
                prop_assert!(*requests * PARTS <= (3 * PARTS) + 60 * now);
                // A job may end after its deadline, so one of them may be beyond.
                prop_assert!(*work * PARTS <= 12_000 * PARTS + 30_000 * now + 6000 * PARTS);
            }
        }
    }

    #[test]
    fn alone_it_is_a_bucket(steps in proptest::collection::vec((0_u64..2000, 0_u64..5000), 1..200)) {
        let limiter = limiter(&LIMITS, 8);
        let (mut now, mut requests, mut work) = (0, 0_u64, 0_u64);
        for (step, used) in steps {
            now += step;
            requests = requests.saturating_sub(60 * step);
            work = work.saturating_sub(30_000 * step);
            let fits = requests + PARTS <= 3 * PARTS && work + 5000 * PARTS <= 12_000 * PARTS;
            match limiter.charge(at(now), client(7)) {
                Ok(ticket) => {
                    prop_assert!(fits);
                    limiter.refund(at(now), ticket, at(used));
                    requests += PARTS;
                    work += used * PARTS;
                }
                Err(RetryAfter(wait)) => {
                    prop_assert!(!fits && wait > Duration::ZERO);
                    // A moment before is too early, that moment is not; asking changes nothing.
                    let early = at(now) + wait - at(1);
                    prop_assert!(limiter_copy_refuses(requests, work, millis(early) - now));
                    prop_assert!(!limiter_copy_refuses(requests, work, millis(wait)));
                }
            }
        }
    }
}

fn limiter_copy_refuses(requests: u64, work: u64, elapsed: u64) -> bool {
    let (requests, work) = (requests.saturating_sub(60 * elapsed), work.saturating_sub(30_000 * elapsed));
    requests + PARTS > 3 * PARTS || work + 5000 * PARTS > 12_000 * PARTS
}
