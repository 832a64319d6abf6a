@preconcurrency internal import RelayPassGenerated

/// Durable verifications: whatever crashes when, nothing is billed twice and no claim is lost.
///
/// They need a ``RelayPassOptions/store``. Every method may be called any number of times, from any
/// process that has the same store, and throws ``RelayPassError/Code/store`` when the store fails:
/// its ``RelayPassError/cause`` is what the store threw. A cancelled call leaves the verification
/// as it is stored; call again.
///
/// ```swift
/// let started = try await client.verifications.start(
///   claimType: "age_over18_verified", reference: "order-17")
/// // … the person goes to started.hostedURL …
/// let completion = try await client.verifications.complete(started.id)
/// ```
public struct Verifications: Sendable {
  private let client: NativeClient

  init(_ client: NativeClient) {
    self.client = client
  }

  /// Starts a verification: creates a relay, and returns as soon as it is stored. The pass is taken
  /// from the pool, or bought in the background at a random moment
  /// (``RelayPassOptions/purchaseWindow``); if the process ends meanwhile,
  /// ``complete(_:reissue:timeout:)`` or ``recover(timeout:)`` does what is missing.
  ///
  /// ```swift
  /// let started = try await client.verifications.start(
  ///   claimType: "age_over18_verified", reference: "order-17")
  /// ```
  ///
  /// - Parameters:
  ///   - claimType: What is asked about the person, such as `age_over18_verified`.
  ///   - reference: A name of yours for this verification, such as an order's number: the same
  ///     reference returns the same verification for as long as it is open. Once it is over, passed
  ///     too, the same reference begins a new one. Up to 512 visible ASCII characters; only its hash
  ///     is stored.
  ///   - theme: How the page at ``Verification/hostedURL`` looks; by default Persona decides.
  ///   - timeout: How long the whole call may take, retries and the store included.
  /// - Throws: ``RelayPassError``: `invalidArgument` without a store or an API key, or if the open
  ///   verification of the reference asks for another claim type; `store`, and what
  ///   ``Relays/create(claimType:encryptionKey:timeout:)`` throws. Nothing is billed then.
  public func start(
    claimType: String,
    reference: String? = nil,
    theme: RelayPass.Theme? = nil,
    timeout: Duration? = nil
  ) async throws -> Verification {
    let arguments = StartArguments(
      claimType: claimType, reference: reference, theme: theme?.rawValue)
    return try Verification(await call(client.startVerification, arguments, timeout: timeout))
  }

  /// Asks for the answer. Once it is known it is returned as it was stored, without a network call.
  ///
  /// ```swift
  /// switch try await client.verifications.complete(id) {
  /// case .passed: welcome()
  /// case .failed: refuse()
  /// case .pending: askAgainLater()
  /// case .expired: startAnother()
  /// }
  /// ```
  ///
  /// - Parameters:
  ///   - id: ``Verification/id``.
  ///   - reissue: Accepts that another pass may be billed, after an error that left it to you: pass
  ///     rejected; unprocessable, unknown outcome or protocol while buying the pass. A conflict
  ///     needs none: call again. Otherwise it changes nothing.
  ///   - timeout: How long the whole call may take, retries and the store included.
  /// - Throws: ``RelayPassError``: `notFound` for an id that the store does not have, or that is
  ///   none; `invalidArgument` for one of the other environment. `authentication`,
  ///   `permissionDenied`, `conflict`, `rateLimited`, `serverError`, `timeout`, `network`, `store`:
  ///   nothing is lost; call again when the cause is mended. `passRejected`, and while buying
  ///   `unprocessable`, `protocolViolation`: call with `reissue`, or start another one.
  ///   `outcomeUnknown`: nobody can tell whether a pass was billed or is spent. `decryption`,
  ///   `claimMismatch`: the answer came and is no good; it is kept, and
  ///   ``RelayPassError/claimPayload`` has it.
  public func complete(
    _ id: String,
    reissue: Bool = false,
    timeout: Duration? = nil
  ) async throws -> Completion {
    let arguments = CompleteArguments(id: id, reissue: reissue)
    return try Completion(await call(client.completeVerification, arguments, timeout: timeout))
  }

  /// A verification as it is stored. Nothing is sent, and nothing is changed.
  ///
  /// ```swift
  /// let status = try await client.verifications.get(id).status
  /// ```
  ///
  /// - Parameters:
  ///   - id: ``Verification/id``.
  ///   - theme: How the page at ``Verification/hostedURL`` looks; by default Persona decides.
  ///   - timeout: How long the whole call may take.
  /// - Throws: ``RelayPassError``: `notFound`, `invalidArgument`, `store`; and the error that a
  ///   verification ended with.
  public func get(
    _ id: String,
    theme: RelayPass.Theme? = nil,
    timeout: Duration? = nil
  ) async throws -> Verification {
    let arguments = GetArguments(id: id, theme: theme?.rawValue)
    return try Verification(await call(client.getVerification, arguments, timeout: timeout))
  }

  /// Deletes what is stored of a verification. A pass that is certainly unspent goes to the pool;
  /// what was in flight is given up.
  ///
  /// ```swift
  /// try await client.verifications.forget(id)
  /// ```
  ///
  /// - Throws: ``RelayPassError``: `notFound`, `invalidArgument`, `store`.
  public func forget(_ id: String, timeout: Duration? = nil) async throws {
    try await call(client.forgetVerification, ForgetArguments(id: id), timeout: timeout)
  }

  /// Drives on whatever a crash or a broken network left behind. Call it about once a minute, from
  /// as many processes as you like, or set ``RelayPassOptions/background``. Its cost follows what
  /// is open, not what is stored. A record that fails does not keep the others:
  /// ``RelayPassOptions/onEvent`` is told of it. It stops early when Persona or the store cannot be
  /// reached, or the timeout is over: the rest waits for the next call.
  ///
  /// ```swift
  /// let driven = try await client.verifications.recover()
  /// ```
  ///
  /// - Returns: How many records it drove on.
  /// - Throws: ``RelayPassError``: `invalidArgument` without a store; `store`.
  @discardableResult
  public func recover(timeout: Duration? = nil) async throws -> Int {
    let arguments = RecoverArguments()
    return Int(clamping: try await call(client.recoverVerifications, arguments, timeout: timeout))
  }

  /// Deletes what need not be kept any more from a built-in store: verifications that ended 30 days
  /// ago, above all. What is open stays. When the time is up, the rest waits for the next call.
  ///
  /// - Returns: How many records it deleted.
  /// - Throws: ``RelayPassError``: `invalidArgument` with a store of yours: delete there what
  ///   `expiresAt` allows; `store`.
  @discardableResult
  public func prune(timeout: Duration? = nil) async throws -> Int {
    let arguments = PruneArguments()
    return Int(clamping: try await call(client.pruneVerifications, arguments, timeout: timeout))
  }

  /// Creates the table of a built-in store, unless it is there. Only PostgreSQL needs it.
  ///
  /// - Throws: ``RelayPassError``: `invalidArgument` with a store of yours; `store`, `timeout`.
  public func createTable(timeout: Duration? = nil) async throws {
    try await call(client.createTable, CreateTableArguments(), timeout: timeout)
  }
}

extension Verifications: CustomStringConvertible, CustomReflectable {
  /// Nothing but the name: what it holds is the client's.
  public var description: String { describe(self) }
  /// What a debugger and `dump` see: nothing.
  public var customMirror: Mirror { Mirror(self, children: [], displayStyle: .struct) }
}
