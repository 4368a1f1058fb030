//! The checks themselves, with inputs that are known.

use super::{Api, Opened, Recovery, parser};

#[test]
fn the_protocol_means_the_same_however_it_is_cut() {
    let input = b"CONNECT {}\r\nSUB a.* 1\r\nHPUB a.b r 12 15\r\nNATS/1.0\r\n\r\nabc\r\nPUB a 0\r\n\r\nPING\r\nUNSUB 1 3\r\nNONSENSE\r\n";
    for cut in 0..=u8::MAX {
        let mut data = vec![3, cut, 0, cut / 2];
        data.extend_from_slice(input);
        parser(&data);
    }
}

#[test]
fn a_restart_changes_nothing_that_clients_see() {
    let dir = tempfile::tempdir().unwrap();
    let mut api = Api::new(&dir.path().join("store"));
    for seed in [
        include_str!("../../fuzz/corpus/api/bucket"),
        include_str!("../../fuzz/corpus/api/consumer"),
        include_str!("../../fuzz/corpus/api/limits"),
    ] {
        api.check(seed.as_bytes());
    }
}

#[test]
fn a_damaged_store_opens_and_says_what_is_lost() {
    let dir = tempfile::tempdir().unwrap();
    let recovery = Recovery::new(&dir.path().join("store"));
    let whole = Opened::Mended {
        lost: 0,
        reported: 0,
    };
    assert_eq!(recovery.check(b""), whole);
    for which in 0..8 {
        for how in [0, 2, 4] {
            recovery.check(&[which, how, 0, 7, 99, 200]);
        }
    }
}
