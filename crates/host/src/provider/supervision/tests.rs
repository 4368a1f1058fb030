use super::*;

const SECOND: Duration = Duration::from_secs(1);

/// A supervision, its clock, and what it does.
struct Scene {
    supervision: Supervision,
    now: Moment,
    random: u64,
}

impl Scene {
    /// With a process that has just been made.
    fn up() -> Self {
        let mut scene = Self {
            supervision: Supervision::new(Policy::default()),
            now: Moment::ZERO,
            random: 0,
        };
        assert_eq!(scene.step(Input::Spawned), []);
        scene
    }

    fn step(&mut self, input: Input) -> Vec<Effect> {
        self.supervision.step(self.now, self.random, input)
    }

    /// Goes on to the next moment at which something is due.
    fn wait(&mut self) -> Vec<Effect> {
        let deadline = self.supervision.deadline().expect("something is due");
        assert!(deadline >= self.now, "due in the past");
        self.now = deadline;
        self.step(Input::Tick)
    }

    fn is(&self, condition: Condition) {
        assert_eq!(self.supervision.condition(), condition);
    }

    /// The process dies `after` some time; gives the pause before the next.
    fn die(&mut self, after: Duration) -> Duration {
        self.now += after;
        let effects = self.step(Input::Exited(Exit::Status(1)));
        match &effects[0] {
            Effect::Tell(Fact::Died { exit, pause }) => {
                assert_eq!(*exit, Exit::Status(1));
                *pause
            }
            other => panic!("{other:?}"),
        }
    }

    /// Waits for the next process after a death.
    fn come_back(&mut self) {
        if self.supervision.deadline().is_some() {
            assert_eq!(self.wait(), [Effect::Spawn]);
        }
        assert_eq!(self.step(Input::Spawned), [Effect::Tell(Fact::Restarted)]);
    }
}

#[test]
fn one_that_is_killed_is_back_at_once() {
    let mut scene = Scene::up();
    scene.now += 60 * SECOND;
    let exit = Exit::Signal(9);
    let died = Fact::Died {
        exit: exit.clone(),
        pause: Duration::ZERO,
    };
    assert_eq!(
        scene.step(Input::Exited(exit.clone())),
        [Effect::Tell(died), Effect::Spawn]
    );
    assert_eq!(scene.step(Input::Spawned), [Effect::Tell(Fact::Restarted)]);
    assert_eq!(scene.supervision.restarts(), 1);
    assert_eq!(scene.supervision.last_exit(), Some(&exit));
}

#[test]
fn one_that_dies_soon_comes_back_ever_later() {
    let mut scene = Scene::up();
    let mut pauses = Vec::new();
    for _ in 0..9 {
        pauses.push(scene.die(SECOND).as_secs());
        scene.come_back();
    }
    assert_eq!(pauses, [0, 1, 2, 4, 8, 16, 32, 60, 60]);
    assert_eq!(scene.supervision.restarts(), 9);
    scene.random = u64::MAX;
    let pause = scene.die(SECOND);
    assert!(pause > 60 * SECOND && pause <= 75 * SECOND, "{pause:?}");
}

#[test]
fn deaths_in_a_row_are_a_crash_loop_until_one_lives() {
    let mut scene = Scene::up();
    for _ in 0..4 {
        scene.die(SECOND);
        scene.come_back();
    }
    scene.is(Condition::Starting);
    let effects = scene.step(Input::Exited(Exit::Status(1)));
    assert!(matches!(
        effects[1],
        Effect::Tell(Fact::CrashLoop { short_lives: 5, .. })
    ));
    scene.is(Condition::CrashLoop);
    scene.come_back();
    // A process of which nothing is known yet is no end of it, and the event is not told again.
    scene.is(Condition::CrashLoop);
    scene.now += SECOND;
    assert_eq!(scene.step(Input::Exited(Exit::Status(1))).len(), 1);
    scene.come_back();
    assert_eq!(scene.wait(), [Effect::Probe]);
    scene.step(Input::Probed(Probe::Well));
    assert_eq!(scene.wait(), []);
    scene.is(Condition::Running);
    assert_eq!(scene.die(SECOND), Duration::ZERO);
}

#[test]
fn one_that_cannot_be_made_fails_at_first_and_pauses_later() {
    let failed = || Input::SpawnFailed {
        reason: "no such file".to_owned(),
    };
    let mut never = Supervision::new(Policy::default());
    assert_eq!(never.step(Moment::ZERO, 0, failed()), []);
    assert!(never.is_over());

    let mut scene = Scene::up();
    scene.die(60 * SECOND);
    let effects = scene.step(failed());
    assert!(matches!(
        &effects[..],
        [Effect::Tell(Fact::Died { exit: Exit::NotSpawned { .. }, pause })] if *pause == SECOND
    ));
    scene.is(Condition::BackingOff);
    scene.come_back();
}

#[test]
fn health_is_told_when_it_changes() {
    let mut scene = Scene::up();
    scene.is(Condition::Starting);
    let mut check = |probe, fact, condition| {
        assert_eq!(scene.wait(), [Effect::Probe]);
        assert_eq!(scene.step(Input::Probed(probe)), [Effect::Tell(fact)]);
        scene.is(condition);
    };
    check(Probe::Well, Fact::HealthPassed, Condition::Running);
    check(Probe::Well, Fact::HealthStatus, Condition::Running);
    check(Probe::Unwell, Fact::HealthFailed, Condition::Unhealthy);
    check(Probe::Unwell, Fact::HealthStatus, Condition::Unhealthy);
    check(Probe::Well, Fact::HealthPassed, Condition::Running);
    // First after 5 s, then every 30 s.
    assert_eq!(scene.now, (5 + 4 * 30) * SECOND);
}

#[test]
fn one_that_stops_answering_is_killed_and_comes_back() {
    let mut scene = Scene::up();
    scene.wait();
    scene.step(Input::Probed(Probe::Well));
    for _ in 0..2 {
        assert_eq!(scene.wait(), [Effect::Probe]);
        assert_eq!(scene.step(Input::Probed(Probe::Silent)), []);
        scene.is(Condition::Silent);
    }
    // That NATS cannot be reached is nothing that the process does.
    scene.wait();
    assert_eq!(scene.step(Input::Probed(Probe::Unknown)), []);
    scene.wait();
    assert_eq!(
        scene.step(Input::Probed(Probe::Silent)),
        [Effect::Tell(Fact::Hangs), Effect::Kill]
    );
    assert_eq!(scene.supervision.deadline(), None);
    let effects = scene.step(Input::Exited(Exit::Signal(9)));
    assert_eq!(effects.last(), Some(&Effect::Spawn));
}

#[test]
fn one_that_never_answers_has_time_to_begin() {
    let mut scene = Scene::up();
    let hangs = [Effect::Tell(Fact::Hangs), Effect::Kill];
    loop {
        assert_eq!(scene.wait(), [Effect::Probe]);
        if scene.step(Input::Probed(Probe::Silent)) == hangs {
            break;
        }
        scene.is(Condition::Starting);
    }
    assert_eq!(scene.now, 60 * SECOND);
}

#[test]
fn a_stop_lets_it_finish_and_ends_with_force() {
    let stop = |drain_max| Input::Stop { drain_max };
    let mut scene = Scene::up();
    let within = 30 * SECOND;
    assert_eq!(scene.step(stop(within)), [Effect::AskToStop { within }]);
    scene.is(Condition::Stopping);
    // What it was asked before does not count any more.
    assert_eq!(scene.step(Input::Probed(Probe::Silent)), []);
    scene.now += 20 * SECOND;
    let leaving = Input::StopAnswered(StopAnswer::Leaving);
    assert_eq!(scene.step(leaving.clone()), []);
    assert_eq!(scene.wait(), [Effect::Terminate]);
    assert_eq!(scene.now, 25 * SECOND);
    assert_eq!(scene.step(leaving), []);
    assert_eq!(scene.wait(), [Effect::Kill]);
    assert_eq!(scene.now, 30 * SECOND);
    assert!(!scene.supervision.is_over());
    assert_eq!(scene.step(Input::Exited(Exit::Signal(9))), []);
    assert!(scene.supervision.is_over());
}

#[test]
fn a_stop_in_a_hurry_shortens_one_that_is_not() {
    let mut scene = Scene::up();
    scene.step(Input::Stop {
        drain_max: 30 * SECOND,
    });
    scene.step(Input::Stop { drain_max: SECOND });
    assert_eq!(scene.wait(), [Effect::Terminate]);
    assert_eq!(scene.now, SECOND);
}

#[test]
fn one_that_does_not_listen_is_terminated_at_once() {
    let mut scene = Scene::up();
    scene.step(Input::Stop {
        drain_max: 30 * SECOND,
    });
    let none = Input::StopAnswered(StopAnswer::None);
    assert_eq!(scene.step(none), [Effect::Terminate]);
    scene.step(Input::Exited(Exit::Signal(15)));
    assert!(scene.supervision.is_over());
}

#[test]
fn a_stop_in_a_pause_or_while_it_is_made_ends_it() {
    let mut scene = Scene::up();
    scene.die(SECOND);
    let within = SECOND;
    assert_eq!(scene.step(Input::Stop { drain_max: within }), []);
    let effects = scene.step(Input::Spawned);
    assert_eq!(effects.last(), Some(&Effect::AskToStop { within }));

    let mut scene = Scene::up();
    scene.die(SECOND);
    scene.come_back();
    scene.die(SECOND);
    scene.is(Condition::BackingOff);
    scene.step(Input::Stop { drain_max: within });
    assert!(scene.supervision.is_over());
}
