use std::collections::BTreeMap;

use super::*;

fn seconds(seconds: u64) -> Moment {
    Moment::from_secs(seconds)
}

/// A record in a bucket, and managers that want it.
struct World {
    record: Option<LeaseRecord>,
    revision: u64,
    machines: BTreeMap<&'static str, Machine>,
}

impl World {
    fn new(ids: &[&'static str]) -> Self {
        let mut world = Self {
            record: None,
            revision: 0,
            machines: BTreeMap::new(),
        };
        for id in ids {
            world.start(id);
        }
        world
    }

    fn start(&mut self, id: &'static str) {
        let machine = Machine::new(Settings {
            id: id.to_owned(),
            duration: seconds(10),
            renewal: seconds(3),
            seed: format!("seed-{id}"),
        });
        self.machines.insert(id, machine);
    }

    /// Lets a manager do all it wants to do now; others see what it wrote, and may do something about it.
    fn run(&mut self, now: Moment, id: &'static str) {
        self.drive(now, id, Input::Tick);
        let others: Vec<&str> = self.machines.keys().copied().collect();
        for other in others.into_iter().filter(|other| *other != id) {
            let seen = Input::Seen {
                record: self.record.clone(),
                revision: self.revision,
            };
            self.drive(now, other, seen);
        }
    }

    fn drive(&mut self, now: Moment, id: &str, mut input: Input) {
        while let Some(effect) = self.machine(id).step(now, input) {
            input = self.perform(effect);
        }
    }

    fn perform(&mut self, effect: Effect) -> Input {
        match effect {
            Effect::Read => Input::Read(Some((self.record.clone(), self.revision))),
            Effect::Write { record, expected } => {
                let present = self.record.is_some().then_some(self.revision);
                if present != expected {
                    return Input::Written(Err(Failure::Conflict));
                }
                self.record = Some(record);
                self.revision += 1;
                Input::Written(Ok(self.revision))
            }
        }
    }

    fn machine(&mut self, id: &str) -> &mut Machine {
        self.machines.get_mut(id).unwrap()
    }

    fn holders(&self, now: Moment) -> Vec<(&str, u64)> {
        self.machines
            .iter()
            .filter_map(|(id, machine)| Some((*id, machine.held(now)?.lease.counter())))
            .collect()
    }

    fn check(&self, now: Moment, expected: &[(&str, u64)]) {
        assert_eq!(self.holders(now), expected, "{self:?}");
    }
}

impl std::fmt::Debug for World {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?} at {}", self.record, self.revision)
    }
}

#[test]
fn the_first_one_takes_it_and_keeps_it() {
    let mut world = World::new(&["a", "b"]);
    world.run(seconds(0), "a");
    world.run(seconds(0), "b");
    world.check(seconds(0), &[("a", 1)]);
    for second in 1..60 {
        world.run(seconds(second), "a");
        world.run(seconds(second), "b");
        world.check(seconds(second), &[("a", 1)]);
    }
    let record = world.record.as_ref().unwrap();
    assert_eq!((record.epoch.as_str(), record.renewal), ("seed-a-1", 19));
    assert_eq!(world.machine("a").deadline(), Some(seconds(60)));
}

#[test]
fn a_holder_that_is_gone_is_replaced_when_its_time_is_up() {
    let mut world = World::new(&["a", "b"]);
    world.run(seconds(0), "a");
    world.run(seconds(0), "b");
    world.run(seconds(3), "a");
    assert_eq!(world.machine("b").deadline(), Some(seconds(13)));
    // From here on the holder does nothing.
    world.drive(seconds(12), "b", Input::Tick);
    world.check(seconds(12), &[("a", 1)]);
    // The holder knows before the other acts.
    world.check(seconds(13), &[]);
    world.drive(seconds(13), "b", Input::Tick);
    world.check(seconds(13), &[("b", 2)]);
    // One that comes back follows.
    world.run(seconds(14), "a");
    world.check(seconds(14), &[("b", 2)]);
}

#[test]
fn the_same_manager_takes_it_back_at_once_after_a_restart() {
    let mut world = World::new(&["a", "b"]);
    world.run(seconds(0), "a");
    world.run(seconds(0), "b");
    world.start("a");
    world.run(seconds(1), "a");
    world.check(seconds(1), &[("a", 2)]);
    // But a second one of the same name that took it meanwhile is not thrown out again and again.
    let mut record = world.record.clone().unwrap();
    record.counter = 3;
    world.record = Some(record);
    world.revision += 1;
    world.run(seconds(1), "b");
    world.run(seconds(4), "a");
    world.check(seconds(4), &[]);
    world.run(seconds(8), "a");
    world.check(seconds(8), &[]);
}

#[test]
fn a_holder_that_stops_gives_it_back() {
    let mut world = World::new(&["a", "b"]);
    world.run(seconds(0), "a");
    world.run(seconds(0), "b");
    let now = seconds(1);
    let effect = world.machine("a").step(now, Input::Release).unwrap();
    let answer = world.perform(effect);
    assert!(!world.machine("a").is_done());
    assert_eq!(world.machine("a").step(now, answer), None);
    assert!(world.machine("a").is_done());
    // It is seen, and nothing has to be waited for.
    world.run(now, "a");
    world.check(now, &[("b", 2)]);
    // One that does not hold it has nothing to give back.
    world.start("c");
    world.run(now, "c");
    assert_eq!(world.machine("c").step(now, Input::Release), None);
    assert!(world.machine("c").is_done());
}

#[test]
fn a_write_that_was_not_acknowledged_is_looked_for() {
    let mut world = World::new(&["a"]);
    let (now, later) = (seconds(0), seconds(1));
    assert_eq!(
        world.machine("a").step(now, Input::Tick),
        Some(Effect::Read)
    );
    let effect = world.machine("a").step(now, Input::Read(Some((None, 0))));
    // It was written, but the word of it was lost.
    world.perform(effect.unwrap());
    let lost = Input::Written(Err(Failure::Unknown));
    assert_eq!(world.machine("a").step(now, lost), None);
    world.check(now, &[]);
    world.run(later, "a");
    world.check(later, &[("a", 1)]);
    // It holds from when it was sent.
    assert_eq!(world.machine("a").held(later).unwrap().until, seconds(10));
}

#[test]
fn whoever_loses_a_race_follows() {
    let mut world = World::new(&["a", "b"]);
    let now = seconds(0);
    for id in ["a", "b"] {
        let machine = world.machine(id);
        assert_eq!(machine.step(now, Input::Tick), Some(Effect::Read));
    }
    let first = world
        .machine("a")
        .step(now, Input::Read(Some((None, 0))))
        .unwrap();
    let second = world
        .machine("b")
        .step(now, Input::Read(Some((None, 0))))
        .unwrap();
    let won = world.perform(first);
    world.machine("a").step(now, won);
    let lost = world.perform(second);
    assert_eq!(lost, Input::Written(Err(Failure::Conflict)));
    assert_eq!(world.machine("b").step(now, lost), Some(Effect::Read));
    world.check(now, &[("a", 1)]);
}

#[test]
fn a_bucket_that_was_made_anew_gets_a_new_epoch() {
    let mut world = World::new(&["a"]);
    world.run(seconds(0), "a");
    world.run(seconds(3), "a");
    world.record = None;
    world.revision = 0;
    world.run(seconds(6), "a");
    world.check(seconds(6), &[("a", 1)]);
    assert_eq!(world.record.unwrap().epoch, "seed-a-2");
}

#[test]
fn a_record_that_makes_no_sense_holds_nobody_up() {
    let mut world = World::new(&["a"]);
    world.record = Some(LeaseRecord {
        epoch: "no epoch".to_owned(),
        counter: u64::MAX,
        manager: "x".to_owned(),
        renewal: u64::MAX,
        duration_ms: u64::MAX,
    });
    world.revision = 1;
    world.run(seconds(0), "a");
    world.check(seconds(0), &[]);
    world.run(DURATION_MAX, "a");
    world.check(DURATION_MAX, &[("a", 1)]);
}

#[test]
fn late_news_change_nothing() {
    let mut world = World::new(&["a"]);
    world.run(seconds(0), "a");
    let stale = Input::Seen {
        record: None,
        revision: 0,
    };
    assert_eq!(world.machine("a").step(seconds(1), stale), None);
    let own = Input::Seen {
        record: world.record.clone(),
        revision: world.revision,
    };
    assert_eq!(world.machine("a").step(seconds(1), own), None);
    world.check(seconds(1), &[("a", 1)]);
}
