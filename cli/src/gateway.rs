//! `relaypass gateway`.

mod logging;
#[cfg(unix)]
mod open_files;
mod seal_keys;

use std::io::Write;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use relaypass::given::items;
use relaypass::{store, DecryptionKeys, EncryptionForm, Isolation, PassBinding, Privacy, Secret};
use relaypass_gateway::{Gateway, Limits, OperatorToken, Options, PrivacyReport, StartError, Tls};

use crate::settings::{self, count, listen, read, secret, time};
use crate::CommandResult;

/// Every setting is a flag or an environment variable; the flag wins. Secrets are read from the
/// environment or from files, never from flags, which every user of a machine can see.
#[derive(clap::Args)]
#[command(after_help = format!("{SECRETS}\n\n{SIGNALS}"))]
pub(crate) struct Arguments {
    /// Where to listen. Port 0 takes a free one; [::]:8480 is every address, of IPv4 and IPv6
    #[arg(long, env = "RELAYPASS_LISTEN", default_value = "127.0.0.1:8480", value_parser = listen)]
    listen: SocketAddr,
    /// Where Persona is, or a sandbox
    #[arg(
        long,
        env = "RELAYPASS_BASE_URL",
        default_value = "https://api.withpersona.com"
    )]
    base_url: String,
    /// Where to keep what must not happen twice: sqlite:relative/path, sqlite:///absolute/path,
    /// postgres://user@host/database, or memory:, which forgets everything with the process. Default:
    /// a SQLite file in the data folder
    // Not by `env`: RELAYPASS_STORE and RELAYPASS_STORE_FILE are read as all secrets are.
    #[arg(long)]
    store: Option<String>,
    /// The data folder: where the SQLite file is, unless --store says otherwise
    #[arg(long, env = "RELAYPASS_DATA", default_value = "relaypass-data")]
    data: PathBuf,
    /// Certificate chain in PEM: serve https. Needs --tls-key
    #[arg(long, env = "RELAYPASS_TLS_CERT", requires = "tls_key")]
    tls_cert: Option<PathBuf>,
    /// Private key in PEM
    #[arg(long, env = "RELAYPASS_TLS_KEY", requires = "tls_cert")]
    tls_key: Option<PathBuf>,
    /// Certificates to trust beside the public ones, in PEM: a company's own authority
    #[arg(long, env = "RELAYPASS_CA")]
    ca: Option<PathBuf>,
    /// File of a private key, in PEM or as a JWK, that opens the claims of the verification endpoints.
    /// Several, separated by commas, to rotate: the first is sent, all open
    #[arg(long, env = "RELAYPASS_DECRYPTION_KEY_FILE")]
    decryption_key_file: Vec<String>,
    /// In which form Persona gets the encryption key of the verification endpoints: pem, jwk, or auto,
    /// the one that she takes
    #[arg(long, env = "RELAYPASS_ENCRYPTION_FORM", default_value = "auto")]
    encryption_form: String,
    /// Seconds that one request to Persona may take
    #[arg(long, env = "RELAYPASS_TIMEOUT_SECONDS", default_value_t = 10.0, value_parser = settings::seconds)]
    timeout_seconds: f64,
    /// How often a failed request to Persona is asked again, 0 to 10
    #[arg(long, env = "RELAYPASS_RETRIES", default_value_t = 3, value_parser = count::<u32>)]
    retries: u32,
    /// What verifications bind their passes to: claim_type, or relay (Persona's first generation)
    #[arg(long, env = "RELAYPASS_PASS_BINDING", default_value = "claim_type")]
    pass_binding: String,
    /// Seconds after its relay within which a verification buys its pass, at a random moment; 0 to
    /// 1200, and 0 buys at once
    #[arg(
        long,
        env = "RELAYPASS_PURCHASE_WINDOW_SECONDS",
        default_value_t = 120.0, value_parser = settings::seconds
    )]
    purchase_window_seconds: f64,
    /// How many passes to hold ready for the verification endpoints, 0 to 1000 for each claim type
    #[arg(long, env = "RELAYPASS_PASS_POOL", default_value_t = 0, value_parser = count::<u32>)]
    pass_pool: u32,
    /// How far the gateway goes so that Persona cannot tell whose a relay is: standard, or strict, which
    /// needs --pass-pool and a proxy for anonymous calls, and sells no passes to callers
    #[arg(long, env = "RELAYPASS_PRIVACY", default_value = "standard")]
    privacy: String,
    /// What anonymous calls of different relays share: none, which leaves connections shared, or relay:
    /// each call has a connection of its own, at the price of a handshake. Strict privacy does so always
    #[arg(long, env = "RELAYPASS_ISOLATION", default_value = "none")]
    isolation: String,
    /// How many calls are worked on at once; more are refused with 503
    #[arg(long, env = "RELAYPASS_MAX_CALLS", default_value_t = 512, value_parser = count::<usize>)]
    max_calls: usize,
    /// How many connections are open at once; more wait
    #[arg(long, env = "RELAYPASS_MAX_CONNECTIONS", default_value_t = 16_384, value_parser = count::<usize>)]
    max_connections: usize,
    /// The largest request body, in bytes
    #[arg(long, env = "RELAYPASS_MAX_BODY", default_value_t = 65_536, value_parser = count::<usize>)]
    max_body: usize,
    /// Seconds a client may take to send a request's head, or leave a connection idle
    #[arg(long, env = "RELAYPASS_HEAD_SECONDS", default_value_t = 30.0, value_parser = settings::seconds)]
    head_seconds: f64,
    /// Seconds a client may take to send a request's body
    #[arg(long, env = "RELAYPASS_BODY_SECONDS", default_value_t = 10.0, value_parser = settings::seconds)]
    body_seconds: f64,
    /// Seconds a stop waits for what is in flight
    #[arg(long, env = "RELAYPASS_GRACE_SECONDS", default_value_t = 35.0, value_parser = settings::seconds)]
    grace_seconds: f64,
    /// How to write the log, on standard error
    #[arg(
        long,
        env = "RELAYPASS_LOG_FORMAT",
        value_enum,
        ignore_case = true,
        default_value = "json"
    )]
    log_format: logging::Format,
    /// What to log: a level, or directives such as relaypass=debug,warn
    #[arg(long, env = "RELAYPASS_LOG", default_value = "info")]
    log: String,
    /// Where an OpenTelemetry collector takes traces over HTTP, such as
    /// http://127.0.0.1:4318/v1/traces
    #[cfg(feature = "otel")]
    #[arg(long, env = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")]
    otel: Option<String>,
    /// Stop when standard input closes: the gateway then ends with whoever started it
    #[arg(long)]
    until_stdin_closes: bool,
}

/// The SQLite file in the data folder.
const DATABASE: &str = "gateway.sqlite";

/// What only the environment says, for `--help`.
pub(crate) const SECRETS: &str = "\
A variable that is empty is as good as not set.

Secrets, from the environment only; NAME_FILE names a file to read it from instead:
  RELAYPASS_SEAL_KEY         32 bytes in base64: everything stored is sealed with it. Several,
                             separated by commas, to rotate: the first seals, all open. Without
                             one, a SQLite store gets its own in a file beside it (.seal-key)
  RELAYPASS_STORE            as --store: the URL may hold a password
  RELAYPASS_API_KEY          Persona's API key, for the verification endpoints
  RELAYPASS_GATEWAY_TOKEN    what callers of the verification endpoints and of GET /privacy show as
                             bearer token
  RELAYPASS_ANONYMOUS_PROXY  the way out for the calls that must not name anybody. Several, separated
                             by commas or blanks: each verification has one
  RELAYPASS_IDENTIFIED_PROXY the way out for the call that names its caller";

/// Who needs which, and how it stops.
const SIGNALS: &str = "\
The three steps (/relays …) need no secret here: their callers bring their own.
SIGTERM and Ctrl-C stop it when what is in flight is done. SIGHUP reads the certificate and its key
again, and stops nothing.";

pub(crate) async fn run(arguments: Arguments) -> CommandResult {
    let _logging = logging::begin(&arguments)?;
    warn_of_unknown_variables();
    // Before anything that takes long: until then SIGHUP ends the process.
    let mut hangups = crate::stop::Hangups::listen()?;
    let options = arguments.options(Purpose::Serve)?;
    let until_stdin_closes = arguments.until_stdin_closes;
    // Before anybody can know that it runs.
    let mut signals = crate::stop::Signals::listen()?;
    let gateway = Gateway::start(options).await.map_err(explain)?;
    println!("{}", serde_json::json!({ "url": gateway.url() }));
    std::io::stdout().flush()?;
    tracing::info!(url = gateway.url(), "listening");
    let read_again = async {
        loop {
            hangups.next().await;
            // Files may take long, where they are on a network.
            tokio::task::block_in_place(|| arguments.read_again(&gateway));
        }
    };
    tokio::select! {
        () = signals.next() => {}
        () = crate::stop::stdin_closed(), if until_stdin_closes => {}
        () = read_again => {}
    }
    tracing::info!("stopping");
    tokio::select! {
        () = gateway.stop() => {}
        // Whoever asks twice does not want to wait.
        () = signals.next() => {}
    }
    Ok(())
}

/// A variable that is misspelt is not set: a proxy or a limit would be left out without a word.
fn warn_of_unknown_variables() {
    let command = <Arguments as clap::Args>::augment_args(clap::Command::new("gateway"));
    let flags: Vec<_> = (command.get_arguments().filter_map(clap::Arg::get_env)).collect();
    for name in settings::names_of_ours() {
        let secret = name.strip_suffix("_FILE").unwrap_or(&name);
        let is_secret = SECRETS.split_whitespace().any(|word| word == secret);
        // The last is for `relaypass health`, which runs beside this with the same environment.
        if !is_secret && !flags.iter().any(|flag| **flag == *name) && name != "RELAYPASS_URL" {
            tracing::warn!(
                variable = name,
                "no setting has this name, so that what it says is not used: is it misspelt?"
            );
        }
    }
}

/// What options are read for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Purpose {
    /// Folder and seal key are made where there are none.
    Serve,
    /// Nothing is made.
    Look,
}

/// A database that is not there yet, or is an empty file.
fn holds_nothing(database: &Path) -> bool {
    !database.metadata().is_ok_and(|file| file.len() > 0)
}

impl Arguments {
    /// What can be linked as a gateway with these settings is configured, and by what its store has seen.
    pub(crate) async fn privacy_report(&self) -> Result<PrivacyReport, String> {
        let options = self.options(Purpose::Look)?;
        (relaypass_gateway::privacy_report(options).await).map_err(explain)
    }

    fn options(&self, purpose: Purpose) -> Result<Options, String> {
        let given = match &self.store {
            Some(url) => Some(Secret::new(url.clone())),
            None => secret("RELAYPASS_STORE")?,
        };
        let store = match &given {
            Some(url) => url.expose().clone(),
            None => {
                if purpose == Purpose::Serve {
                    make_folder(&self.data)?;
                }
                sqlite_url(&self.data.join(DATABASE))?
            }
        };
        let database = match given {
            None => Some(self.data.join(DATABASE)),
            Some(_) => seal_keys::database(&store),
        };
        let seal_keys = match (seal_keys::given()?, database) {
            (Some(keys), _) => keys,
            (None, Some(database)) if purpose == Purpose::Look && holds_nothing(&database) => {
                Vec::new()
            }
            (None, Some(database)) => vec![seal_keys::beside(&database)?],
            // The gateway itself says if it needs one.
            (None, None) => Vec::new(),
        };
        Ok(Options {
            listen: self.listen,
            base_url: Some(self.base_url.clone()),
            seal_keys,
            store,
            api_key: secret("RELAYPASS_API_KEY")?,
            token: secret("RELAYPASS_GATEWAY_TOKEN")?
                .map(|token| OperatorToken::parse(token.expose()))
                .transpose()
                .map_err(explain)?,
            decryption_key: self.decryption_keys()?,
            encryption_form: EncryptionForm::parse(&self.encryption_form)
                .map_err(|error| format!("--encryption-form: {error}"))?,
            anonymous_proxy: secret("RELAYPASS_ANONYMOUS_PROXY")?,
            identified_proxy: secret("RELAYPASS_IDENTIFIED_PROXY")?,
            ca_pem: self
                .ca
                .as_deref()
                .map(|path| read("--ca", path).map(|pem| pem.to_string()))
                .transpose()?,
            timeout: Some(time("--timeout-seconds", self.timeout_seconds)?),
            retries: Some(self.retries),
            pass_binding: PassBinding::parse(&self.pass_binding)
                .map_err(|error| format!("--pass-binding: {error}"))?,
            purchase_window: Some(self.purchase_window()?),
            pass_pool: self.pass_pool,
            privacy: Privacy::parse(&self.privacy)
                .map_err(|error| format!("--privacy: {}", error.message()))?,
            isolation: Isolation::parse(&self.isolation)
                .map_err(|error| format!("--isolation: {}", error.message()))?,
            tls: self.tls()?,
            limits: self.limits()?,
        })
    }

    fn purchase_window(&self) -> Result<Duration, String> {
        let window = Duration::try_from_secs_f64(self.purchase_window_seconds);
        window.map_err(|_| "--purchase-window-seconds: must be from 0 to 1200".to_owned())
    }

    fn decryption_keys(&self) -> Result<Option<DecryptionKeys>, String> {
        const FLAG: &str = "--decryption-key-file";
        let mut names = Vec::new();
        for list in &self.decryption_key_file {
            let more = items(list);
            names.extend(
                more.map_err(|place| format!("{FLAG}: file {place} of the list has no name"))?,
            );
        }
        if names.is_empty() {
            return Ok(None);
        }
        let texts = names.iter().map(|name| read(FLAG, Path::new(name)));
        let texts: Vec<Secret<String>> = texts
            .map(|text| text.map(|text| Secret::new(text.to_string())))
            .collect::<Result<_, _>>()?;
        let keys = DecryptionKeys::parse(texts.iter().map(|text| text.expose().as_str()));
        keys.map(Some).map_err(|error| format!("{FLAG}: {error}"))
    }

    fn tls(&self) -> Result<Option<Tls>, String> {
        let (Some(certificates), Some(key)) = (&self.tls_cert, &self.tls_key) else {
            return Ok(None);
        };
        Ok(Some(Tls {
            certificates_pem: read("--tls-cert", certificates)?.to_string(),
            key_pem: Secret::new(read("--tls-key", key)?.to_string()),
        }))
    }

    /// On SIGHUP. What cannot be used changes nothing: the gateway goes on with what it has.
    fn read_again(&self, gateway: &Gateway) {
        let renewed = self.tls().and_then(|tls| match tls {
            Some(tls) => gateway.renew_tls(&tls).map(|()| true).map_err(explain),
            None => Ok(false),
        });
        match renewed {
            Ok(true) => tracing::info!("the certificate and its key were read again"),
            Ok(false) => tracing::info!("SIGHUP: there is no certificate to read again"),
            Err(error) => tracing::warn!("the certificate in use stays: {error}"),
        }
    }

    fn limits(&self) -> Result<Limits, String> {
        let more_than_none = |flag: &str, number: usize| match number {
            0 => Err(format!("{flag} must be more than 0")),
            number => Ok(number),
        };
        let connections = more_than_none("--max-connections", self.max_connections)?;
        #[cfg(unix)]
        let connections = open_files::allow(connections);
        Ok(Limits {
            body: more_than_none("--max-body", self.max_body)?,
            head_time: time("--head-seconds", self.head_seconds)?,
            body_time: time("--body-seconds", self.body_seconds)?,
            calls: more_than_none("--max-calls", self.max_calls)?,
            connections,
            shutdown_grace: time("--grace-seconds", self.grace_seconds)?,
            ..Limits::default()
        })
    }
}

/// Which flag or variable is at fault, and how.
fn explain(error: StartError) -> String {
    let setting = match error.setting() {
        "listen" => "--listen",
        "store" => "--store",
        "seal_key" => "RELAYPASS_SEAL_KEY",
        "token" => "RELAYPASS_GATEWAY_TOKEN",
        "base_url" => "--base-url",
        "ca_pem" => "--ca",
        "api_key" => "RELAYPASS_API_KEY",
        "anonymous_proxy" => "RELAYPASS_ANONYMOUS_PROXY",
        "identified_proxy" => "RELAYPASS_IDENTIFIED_PROXY",
        "timeout" => "--timeout-seconds",
        "retries" => "--retries",
        "purchase_window" => "--purchase-window-seconds",
        "pass_pool" => "--pass-pool",
        "privacy" => "--privacy",
        "tls" => "--tls-cert, --tls-key",
        _ => return error.message().to_owned(),
    };
    format!("{setting}: {}", error.message())
}

fn make_folder(path: &Path) -> Result<(), String> {
    let mut folder = std::fs::DirBuilder::new();
    // For nobody else to read.
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut folder, 0o700);
    (folder.recursive(true).create(path))
        .map_err(|error| format!("--data: {} cannot be made: {error}", path.display()))
}

fn sqlite_url(path: &Path) -> Result<String, String> {
    let path = std::path::absolute(path).map_err(|error| format!("--data: {error}"))?;
    let text = path.to_str().ok_or("--data: the path is not UTF-8")?;
    Ok(store::sqlite_url(text))
}
