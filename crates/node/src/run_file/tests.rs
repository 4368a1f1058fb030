use std::fs::OpenOptions;

use super::*;

fn run() -> RunFile {
    RunFile {
        pid: 42,
        nats_url: "nats://127.0.0.1:4222".to_owned(),
        nats_tls_url: None,
        is_auth_required: false,
        key_file: None,
        monitor: None,
        http_admin: None,
        js_domain: None,
        control_prefix: None,
        lattice: "default".to_owned(),
        host_id: Some("NABC".to_owned()),
        host_name: Some("keen-otter".to_owned()),
        http: None,
        started_at: "2026-01-02T03:04:05Z".to_owned(),
        version: "0.1.0".to_owned(),
    }
}

#[test]
fn what_is_written_is_read() {
    let dir = tempfile::tempdir().unwrap();
    assert_eq!(read(dir.path()).unwrap(), None);
    remove(dir.path()).unwrap();
    write(dir.path(), &run()).unwrap();
    assert_eq!(read(dir.path()).unwrap(), Some(run()));
    remove(dir.path()).unwrap();
    assert_eq!(read(dir.path()).unwrap(), None);
    assert_eq!(read(&dir.path().join("nowhere")).unwrap(), None);
}

#[test]
fn a_file_of_another_form_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join(NAME);
    fs::write(&path, "{").unwrap();
    assert!(matches!(read(dir.path()), Err(RunFileError::Form { .. })));
    fs::write(&path, vec![b' '; 70_000]).unwrap();
    assert!(matches!(
        read(dir.path()),
        Err(RunFileError::TooLarge { .. })
    ));
}

#[test]
fn later_versions_may_tell_more() {
    let dir = tempfile::tempdir().unwrap();
    let text =
        r#"{"pid":1,"nats_url":"n","lattice":"l","started_at":"s","version":"v","more":[1]}"#;
    fs::write(dir.path().join(NAME), text).unwrap();
    let run = read(dir.path()).unwrap().unwrap();
    assert_eq!((run.pid, run.host_id), (1, None));
}

#[test]
fn the_lock_tells_whether_it_runs() {
    let dir = tempfile::tempdir().unwrap();
    assert!(!is_locked(dir.path()).unwrap());
    let lock = OpenOptions::new()
        .create_new(true)
        .write(true)
        .open(dir.path().join(LOCK_NAME))
        .unwrap();
    assert!(!is_locked(dir.path()).unwrap());
    lock.try_lock().unwrap();
    assert!(is_locked(dir.path()).unwrap());
    drop(lock);
    assert!(!is_locked(dir.path()).unwrap());
}
