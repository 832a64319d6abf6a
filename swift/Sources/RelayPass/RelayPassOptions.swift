public import Foundation
@preconcurrency internal import RelayPassGenerated

/// How a ``RelayPass`` is described. Nothing is read from environment variables.
///
/// ```swift
/// let options = RelayPassOptions(
///   apiKey: apiKey,
///   store: "sqlite:///var/lib/shop/relaypass.db",
///   sealKeys: [sealKey],
///   background: true)
/// ```
public struct RelayPassOptions: Sendable {
  /// The API key. Without one the client can create and redeem, but not issue.
  public var apiKey: String?
  /// Where Persona is; the default is `https://api.withpersona.com`. Plain `http` is for loopback
  /// addresses only.
  public var baseURL: String?
  /// The environment; by default the API key's prefix tells (`persona_production_` or
  /// `persona_sandbox_`), and a client without key is for production.
  public var environment: RelayPass.Environment?
  /// How long one request may take; the default is 10 seconds, the most 600 seconds. A call
  /// with its retries takes at most 30 seconds, or this, whichever is longer.
  public var timeout: Duration?
  /// For how long a connection to Persona that nobody uses is used again; the default is 20 seconds,
  /// the most 600 seconds. It may stay open for about as long again. Load balancers close idle
  /// connections, many after 60 seconds: stay below, for a request sent into their closing has an
  /// unknown outcome.
  public var idleTimeout: Duration?
  /// How often a failed request is asked again: 0 to 10; the default is 3.
  public var retries: Int?
  /// Certificates to trust beside the public ones, in PEM: a company's own authority.
  public var caPEM: String?
  /// The way out for the calls that must not name us: `http://`, `https://` or `socks5h://`. Or several,
  /// with blanks or commas between them; a comma in a URL is `%2C`.
  ///
  /// One of several is drawn for each verification and serves all calls of its relay, in every process
  /// that has the same list. One that does not answer is an error for those that were given it: no call
  /// leaves by another one, or directly. Refused are more than 100, and two that differ at most in the
  /// password.
  public var anonymousProxy: String?
  /// The way out for the one call that names us.
  public var identifiedProxy: String?
  /// The private key that opens claims, or several, the newest first. With it, every relay is
  /// created with the public half of the first, all of them open, and a claim that is not encrypted
  /// is refused, unless a call says otherwise.
  public var decryptionKey: KeyMaterial?
  /// In which form Persona gets the encryption key; the default is
  /// ``RelayPass/EncryptionForm/auto``, the one that she takes. The claim comes back in the form that
  /// goes with it; another one is refused.
  public var encryptionForm: RelayPass.EncryptionForm?
  /// Where verifications and passes are kept: an object of yours, or the URL of a built-in store.
  /// Without one there are the three steps. A SQLite file must be relaypass's own: never open it
  /// with another SQLite library in this process.
  public var store: StoreSource?
  /// How long one call of the store may take; the default is 10 seconds, the most 600 seconds.
  public var storeTimeout: Duration?
  /// The keys, 32 random bytes each, under which records are sealed before they reach the store.
  /// The first seals and all open: to rotate, put the new one first. Without one, records are
  /// stored as they are, secrets included.
  public var sealKeys: [Data]
  /// What verifications bind their passes to; the default is ``RelayPass/PassBinding/claimType``.
  public var passBinding: RelayPass.PassBinding?
  /// How long after its relay a verification may buy its pass: at a random moment of this time, so
  /// that by the clock a signature may be for any relay of the last window. From 0 seconds, which buys
  /// at once, to 1200 seconds; the default is 120 seconds.
  ///
  /// A `complete` that finds no pass buys one, and ``onEvent`` is told
  /// ``RelayPassEvent/Kind/linkableByTime``: ask when the visitor returns, or hold passes ready
  /// (``passPool``).
  public var purchaseWindow: Duration?
  /// How many passes to hold ready for each claim type that is asked for: 0 to 1000; the default is
  /// 0. ``background`` fills the pool.
  public var passPool: Int?
  /// How far the client goes so that Persona cannot tell whose a relay is; the default is
  /// ``RelayPass/Privacy/standard``. ``RelayPass/Privacy/strict`` needs a ``passPool`` and an
  /// ``anonymousProxy`` that is not the way out of the call that names you.
  ///
  /// The pool is bought in the common hours only, from 10:00 to 11:00 UTC: whole on Tuesdays, and on other
  /// days if less than half of it is left. A verification takes its pass from it when the answer is asked
  /// for; without one it is pending, and ``onEvent`` is told ``RelayPassEvent/Kind/waitingForPass``. What
  /// could tell Persona whose a pass is, is refused (``RelayPassError/Code/privacyRefused``). A redemption
  /// waits up to 2 seconds, and a pass that was shown is shown for no other relay.
  public var privacy: RelayPass.Privacy?
  /// What anonymous calls of different relays share; the default is ``RelayPass/Isolation/none``.
  ///
  /// With ``RelayPass/Isolation/relay`` relays share no connection: each anonymous call has one of its
  /// own, and through a SOCKS proxy whose URL has no credentials random ones, so that Tor gives it a
  /// circuit of its own. It costs a TCP and a TLS handshake for each anonymous call.
  /// ``RelayPass/Privacy/strict`` isolates always.
  public var isolation: RelayPass.Isolation?
  /// Whether to drive open verifications on and fill the pool, about once a minute, from the first
  /// call that needs the store for as long as the client lives; the default is `false`.
  ///
  /// What the process was doing there when it ended is done by the next one, as after a crash.
  public var background: Bool?
  /// Is told what your log should know.
  ///
  /// It is called on a thread of relaypass, at any time, and must return soon: the call that it
  /// belongs to waits for it. What it throws is ignored.
  public var onEvent: (@Sendable (RelayPassEvent) throws -> Void)?

  /// All options are optional.
  public init(
    apiKey: String? = nil,
    baseURL: String? = nil,
    environment: RelayPass.Environment? = nil,
    timeout: Duration? = nil,
    idleTimeout: Duration? = nil,
    retries: Int? = nil,
    caPEM: String? = nil,
    anonymousProxy: String? = nil,
    identifiedProxy: String? = nil,
    decryptionKey: KeyMaterial? = nil,
    encryptionForm: RelayPass.EncryptionForm? = nil,
    store: StoreSource? = nil,
    storeTimeout: Duration? = nil,
    sealKeys: [Data] = [],
    passBinding: RelayPass.PassBinding? = nil,
    purchaseWindow: Duration? = nil,
    passPool: Int? = nil,
    privacy: RelayPass.Privacy? = nil,
    isolation: RelayPass.Isolation? = nil,
    background: Bool? = nil,
    onEvent: (@Sendable (RelayPassEvent) throws -> Void)? = nil
  ) {
    self.apiKey = apiKey
    self.baseURL = baseURL
    self.environment = environment
    self.timeout = timeout
    self.idleTimeout = idleTimeout
    self.retries = retries
    self.caPEM = caPEM
    self.anonymousProxy = anonymousProxy
    self.identifiedProxy = identifiedProxy
    self.decryptionKey = decryptionKey
    self.encryptionForm = encryptionForm
    self.store = store
    self.storeTimeout = storeTimeout
    self.sealKeys = sealKeys
    self.passBinding = passBinding
    self.purchaseWindow = purchaseWindow
    self.passPool = passPool
    self.privacy = privacy
    self.isolation = isolation
    self.background = background
    self.onEvent = onEvent
  }

  var native: ClientOptions {
    ClientOptions(
      apiKey: apiKey,
      baseUrl: baseURL,
      environment: environment?.rawValue,
      timeoutSeconds: timeout?.inSeconds,
      idleTimeoutSeconds: idleTimeout?.inSeconds,
      retries: retries.map(Int64.init),
      caPem: caPEM,
      anonymousProxy: anonymousProxy.map { [$0] },
      identifiedProxy: identifiedProxy,
      decryptionKey: decryptionKey?.privateTexts,
      encryptionForm: encryptionForm?.rawValue,
      storeTimeoutSeconds: storeTimeout?.inSeconds,
      passBinding: passBinding?.rawValue,
      purchaseWindowSeconds: purchaseWindow?.inSeconds,
      passPool: passPool.map(Int64.init),
      privacy: privacy?.rawValue,
      isolation: isolation?.rawValue,
      background: background,
      storeUrl: store?.url,
      store: store?.object.map { StoreAdapter($0, keep: Calls.keep) },
      sealKeys: sealKeys,
      onEvent: onEvent.map(ListenerAdapter.init))
  }
}

extension RelayPassOptions: CustomStringConvertible, CustomDebugStringConvertible,
  CustomReflectable
{
  /// The options, without what is secret in them.
  public var description: String { describe(self) }
  /// As ``description``.
  public var debugDescription: String { describe(self) }
  /// What a debugger and `dump` see: as ``description``.
  public var customMirror: Mirror {
    Mirror(
      self,
      children: [
        "apiKey": redact(apiKey),
        "baseURL": baseURL as Any,
        "environment": environment as Any,
        "timeout": timeout as Any,
        "idleTimeout": idleTimeout as Any,
        "retries": retries as Any,
        "caPEM": caPEM as Any,
        // Their user information may hold a password.
        "anonymousProxy": redact(anonymousProxy),
        "identifiedProxy": redact(identifiedProxy),
        "decryptionKey": decryptionKey as Any,
        "encryptionForm": encryptionForm as Any,
        "store": store as Any,
        "storeTimeout": storeTimeout as Any,
        "sealKeys": redact(sealKeys.isEmpty ? nil : sealKeys),
        "passBinding": passBinding as Any,
        "purchaseWindow": purchaseWindow as Any,
        "passPool": passPool as Any,
        "privacy": privacy as Any,
        "isolation": isolation as Any,
        "background": background as Any,
      ],
      displayStyle: .struct)
  }
}
