//! Debian's `docker-registry`, and a proxy before it that can be held.

use std::fs::{self, File};
use std::io::{self, BufRead as _, BufReader, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use tempfile::TempDir;

const PROGRAM: &str = "docker-registry";
/// The password `secret` as the server wants it, cheap to check.
const PASSWORD_HASH: &str = "$2b$04$6WoqZcbx0vrF9/dRV5y6PulG72k.3mV/kR1NPJGMkdr3v9feBPwxm";

/// A registry; killed when dropped.
pub(crate) struct Registry {
    child: Child,
    /// `127.0.0.1` with the port.
    name: String,
    dir: TempDir,
}

/// Stands before a registry, notes what is asked for, and can hold back what is answered.
pub(crate) struct Proxy {
    name: String,
    shared: Arc<Shared>,
}

struct Shared {
    /// What clients sent.
    asked: Mutex<Vec<u8>>,
    /// Bytes that may still be answered; `None` is no bound.
    credit: Mutex<Option<usize>>,
    changed: Condvar,
}

// ===== impl Registry =====

impl Registry {
    /// A registry without encryption; `None`, with a word about it, where the program is missing.
    pub(crate) fn start() -> Option<Self> {
        Self::start_with(TempDir::new().unwrap(), "", "")
    }

    /// A registry with TLS, of an authority in [`Self::authority`], that lets in the user `user` with the password `secret`.
    pub(crate) fn start_private() -> Option<Self> {
        let dir = TempDir::new().unwrap();
        let path = |name: &str| dir.path().join(name);
        let mut authority = CertificateParams::new(Vec::new()).unwrap();
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority =
            CertifiedIssuer::self_signed(authority, KeyPair::generate().unwrap()).unwrap();
        let key = KeyPair::generate().unwrap();
        let server = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
        let server = server.signed_by(&key, &authority).unwrap();
        fs::write(path("ca.pem"), authority.pem()).unwrap();
        fs::write(path("server.pem"), server.pem()).unwrap();
        fs::write(path("server.key"), key.serialize_pem()).unwrap();
        fs::write(path("users"), format!("user:{PASSWORD_HASH}\n")).unwrap();
        let tls = format!(
            "  tls:\n    certificate: {}\n    key: {}\n",
            path("server.pem").display(),
            path("server.key").display()
        );
        let auth = format!(
            "auth:\n  htpasswd:\n    realm: test\n    path: {}\n",
            path("users").display()
        );
        Self::start_with(dir, &tls, &auth)
    }

    fn start_with(dir: TempDir, tls: &str, auth: &str) -> Option<Self> {
        let config = dir.path().join("config.yml");
        let text = format!(
            "version: 0.1\nlog:\n  level: info\nstorage:\n  filesystem:\n    rootdirectory: {}\nhttp:\n  addr: 127.0.0.1:0\n{tls}{auth}",
            dir.path().join("data").display()
        );
        fs::write(&config, text).unwrap();
        let spawned = Command::new(PROGRAM)
            .arg("serve")
            .arg(&config)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn();
        let Ok(mut child) = spawned else {
            // Past the test harness, which keeps what passing tests print to itself.
            let _ = writeln!(io::stderr(), "SKIPPED: there is no `{PROGRAM}`");
            return None;
        };
        let log = child.stderr.take().unwrap();
        let mut lines = BufReader::new(log).lines();
        let name = lines.by_ref().find_map(|line| {
            let line = line.unwrap();
            let address = line.split_once("listening on ")?.1;
            let end = address.find([',', '"', ' ']).unwrap_or(address.len());
            Some(address[..end].to_owned())
        });
        // Read on, or the server stops when the pipe is full.
        thread::spawn(move || lines.count());
        Some(Self {
            child,
            name: name.expect("the server says where it listens"),
            dir,
        })
    }

    /// Host and port.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// The certificate of the authority of a private registry.
    pub(crate) fn authority(&self) -> String {
        self.dir.path().join("ca.pem").to_str().unwrap().to_owned()
    }

    /// Where the registry keeps the blob with this digest.
    pub(crate) fn blob(&self, digest: &str) -> PathBuf {
        let hex = digest.strip_prefix("sha256:").unwrap();
        let blobs = self.dir.path().join("data/docker/registry/v2/blobs/sha256");
        blobs.join(&hex[..2]).join(hex).join("data")
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        // It may have ended by itself; either way it is gone after this.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

// ===== impl Proxy =====

impl Proxy {
    /// Stands before `registry`, which answers `credit` bytes, and then waits until it is let go.
    pub(crate) fn before(registry: &Registry, credit: usize) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let name = listener.local_addr().unwrap().to_string();
        let shared = Arc::new(Shared {
            asked: Mutex::default(),
            credit: Mutex::new(Some(credit)),
            changed: Condvar::new(),
        });
        let (behind, all) = (registry.name.clone(), Arc::clone(&shared));
        thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let Ok(server) = TcpStream::connect(&behind) else {
                    continue;
                };
                all.join(client, server);
            }
        });
        Self { name, shared }
    }

    /// Host and port.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// How often `text` was sent by clients.
    pub(crate) fn asked(&self, text: &str) -> usize {
        let asked = self.shared.asked.lock().unwrap();
        String::from_utf8_lossy(&asked).matches(text).count()
    }

    /// Holds nothing back any more.
    pub(crate) fn let_go(&self) {
        *self.shared.credit.lock().unwrap() = None;
        self.shared.changed.notify_all();
    }
}

// ===== impl Shared =====

impl Shared {
    /// Passes on what two ends send, each on a thread of its own.
    fn join(self: &Arc<Self>, client: TcpStream, server: TcpStream) {
        let (mut from, mut to) = (client.try_clone().unwrap(), server.try_clone().unwrap());
        let shared = Arc::clone(self);
        thread::spawn(move || {
            let mut buffer = [0; 16 << 10];
            while let Ok(length @ 1..) = from.read(&mut buffer) {
                shared.asked.lock().unwrap().extend(&buffer[..length]);
                if to.write_all(&buffer[..length]).is_err() {
                    break;
                }
            }
            let _ = to.shutdown(Shutdown::Write);
        });
        let (mut from, mut to) = (server, client);
        let shared = Arc::clone(self);
        thread::spawn(move || {
            let mut buffer = [0; 16 << 10];
            while let Ok(length @ 1..) = from.read(&mut buffer) {
                shared.spend(length);
                if to.write_all(&buffer[..length]).is_err() {
                    break;
                }
            }
            let _ = to.shutdown(Shutdown::Write);
        });
    }

    /// Waits until `length` more bytes may be answered.
    fn spend(&self, length: usize) {
        let credit = self.credit.lock().unwrap();
        let is_short = |credit: &mut Option<usize>| credit.is_some_and(|left| left < length);
        let mut credit = self.changed.wait_while(credit, is_short).unwrap();
        if let Some(left) = &mut *credit {
            *left -= length;
        }
    }
}

/// `wasm` with so many bytes more in a section that nobody reads.
pub(crate) fn padded(wasm: &[u8], bytes: usize) -> Vec<u8> {
    let mut section = vec![3, b'p', b'a', b'd'];
    section.resize(4 + bytes, b'x');
    let mut out = wasm.to_vec();
    out.push(0);
    let mut length = section.len();
    while length > 0x7f {
        out.push((length & 0x7f) as u8 | 0x80);
        length >>= 7;
    }
    out.push(length as u8);
    out.extend(section);
    out
}

/// The bytes of a file.
pub(crate) fn read(path: PathBuf) -> Vec<u8> {
    let mut bytes = Vec::new();
    File::open(path).unwrap().read_to_end(&mut bytes).unwrap();
    bytes
}
