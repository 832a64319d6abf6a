@preconcurrency internal import RelayPassGenerated

/// The three steps, under the names that Persona's own SDKs use.
///
/// They keep nothing: what they return is the caller's to store. Every call may be made from any
/// process.
///
/// Every call takes a `timeout`: how long it may take with its retries. A call whose task is
/// cancelled throws `CancellationError` and drops its connection; what was sent stays sent. In a
/// task that is cancelled already nothing is sent.
public struct Relays: Sendable {
  private let client: NativeClient

  init(_ client: NativeClient) {
    self.client = client
  }

  /// Step 1: creates a relay. Costs nothing, names nobody.
  ///
  /// ```swift
  /// let relay = try await client.relays.create(claimType: "age_over18_verified")
  /// ```
  ///
  /// - Parameters:
  ///   - claimType: What is asked about the person, such as `age_over18_verified`.
  ///   - encryptionKey: The public key to encrypt the claim with; by default that of the client's
  ///     ``RelayPassOptions/decryptionKey``, if it has one. Whatever it is given as,
  ///     ``RelayPassOptions/encryptionForm`` says how it is sent.
  ///   - timeout: How long the whole call may take.
  /// - Throws: ``RelayPassError``: `invalidArgument`, `unprocessable`, `rateLimited`,
  ///   `serverError`, `timeout`, `network`, `protocolViolation`.
  ///
  /// Source: Persona, "Create a Relay".
  public func create(
    claimType: String,
    encryptionKey: KeyMaterial? = nil,
    timeout: Duration? = nil
  ) async throws -> Relay {
    let arguments = CreateArguments(
      claimType: claimType, encryptionKey: encryptionKey?.publicText)
    return Relay(try await call(client.create, arguments, timeout: timeout))
  }

  /// Step 2: buys a Privacy Pass for every relay of a claim type and this environment: the current
  /// generation. This is the call that names us, and the one that is billed.
  ///
  /// The challenge is fetched without the API key; only a blinded message travels with it. An
  /// answer that does not arrive is asked for again with the same key and bytes, so that one call
  /// is billed once. The exception: a server error that Persona has stored under the key is passed
  /// by with one new key and the same blinded message, and may have billed before.
  ///
  /// Cancelling may leave a pass that is billed and that nobody gets.
  ///
  /// ```swift
  /// let pass = try await client.relays.issuePrivacyPass(claimType: "age_over18_verified")
  /// ```
  ///
  /// - Throws: ``RelayPassError``: `invalidArgument` without an API key; `authentication`,
  ///   `permissionDenied`, `rateLimited`, `protocolViolation`, `timeout`, `network`; `serverError`
  ///   and `outcomeUnknown` when the pass may have been billed: ``RelayPassError/retryable`` is
  ///   then `false`.
  ///
  /// Source: Persona, "Create a Privacy Pass"; RFC 9474.
  public func issuePrivacyPass(
    claimType: String,
    timeout: Duration? = nil
  ) async throws -> PrivacyPass {
    try await issue(claimType: claimType, timeout: timeout)
  }

  /// Step 2 for one relay: the first generation. Otherwise as
  /// ``issuePrivacyPass(claimType:timeout:)``.
  ///
  /// ```swift
  /// let pass = try await client.relays.issuePrivacyPass(
  ///   relayToken: relay.relayToken, relaySecret: relay.relaySecret)
  /// ```
  public func issuePrivacyPass(
    relayToken: String,
    relaySecret: String,
    timeout: Duration? = nil
  ) async throws -> PrivacyPass {
    try await issue(relayToken: relayToken, relaySecret: relaySecret, timeout: timeout)
  }

  /// Both, and what only other languages can ask for.
  func issue(
    claimType: String? = nil,
    relayToken: String? = nil,
    relaySecret: String? = nil,
    timeout: Duration? = nil
  ) async throws -> PrivacyPass {
    let arguments = IssueArguments(
      claimType: claimType, relayToken: relayToken, relaySecret: relaySecret)
    return PrivacyPass(try await call(client.issuePrivacyPass, arguments, timeout: timeout))
  }

  /// Step 3: redeems a pass for the claim. Names nobody; works once per pass.
  ///
  /// ```swift
  /// let answer = try await client.relays.generateClaim(
  ///   relayToken: relay.relayToken,
  ///   relaySecret: relay.relaySecret,
  ///   privacyPassToken: pass.privacyPassToken,
  ///   claimType: "age_over18_verified",
  ///   idempotencyKey: UUID().uuidString.lowercased()) // stored beside the relay before the call
  /// ```
  ///
  /// - Parameters:
  ///   - relayToken: The relay's token.
  ///   - relaySecret: The relay's secret.
  ///   - privacyPassToken: The pass to redeem.
  ///   - claimType: What was asked: a claim of another type is refused. Left out, any is accepted.
  ///   - decryptionKey: The private key that opens the claim; by default the client's.
  ///   - idempotencyKey: Names this redemption: best made by the caller, and stored beside the
  ///     relay before the call. What ``RelayPassError/idempotencyKey`` carries serves the same end.
  ///     Left out, the call makes one of its own. For one relay and pass only. The same key asks
  ///     for the same answer for 24 hours, after a lost answer, a cancellation or a crash. The call
  ///     goes out under this key alone, and "not finished yet" ends it. After
  ///     ``RelayPassError/Code/permissionDenied`` without an `idempotencyKey` make a new one: Persona
  ///     keeps that answer too. An error with an `idempotencyKey`, whatever its kind, asks to be
  ///     repeated with that key. It is as secret as the pass.
  ///   - encryptionForm: The relay's own (``Relay/encryptionForm``), stored beside it: a claim in
  ///     another form is refused. By default the client's; `auto` takes either.
  ///   - timeout: How long the whole call may take.
  /// - Throws: ``RelayPassError``: `permissionDenied`, retryable: the person has most likely not
  ///   finished; `passRejected`, `passExpired`; `notFound` for an unknown relay or a wrong secret;
  ///   `conflict`, `unprocessable`, `rateLimited`, `serverError`, `network`; `outcomeUnknown`: the
  ///   answer never arrived; `decryption`, `claimMismatch`, `protocolViolation`: the answer arrived
  ///   and is no good; ``RelayPassError/claimPayload`` has it.
  ///
  /// Source: Persona, "Generate a Relay claim".
  public func generateClaim(
    relayToken: String,
    relaySecret: String,
    privacyPassToken: String,
    claimType: String? = nil,
    decryptionKey: KeyMaterial? = nil,
    idempotencyKey: String? = nil,
    encryptionForm: RelayPass.EncryptionForm? = nil,
    timeout: Duration? = nil
  ) async throws -> GeneratedClaim {
    let arguments = ClaimArguments(
      relayToken: relayToken,
      relaySecret: relaySecret,
      privacyPassToken: privacyPassToken,
      claimType: claimType,
      decryptionKey: decryptionKey?.privateTexts,
      idempotencyKey: idempotencyKey,
      encryptionForm: encryptionForm?.rawValue)
    return GeneratedClaim(try await call(client.generateClaim, arguments, timeout: timeout))
  }
}

extension Relays: CustomStringConvertible, CustomReflectable {
  /// Nothing but the name: what it holds is the client's.
  public var description: String { describe(self) }
  /// What a debugger and `dump` see: nothing.
  public var customMirror: Mirror { Mirror(self, children: [], displayStyle: .struct) }
}
