@preconcurrency internal import RelayPassGenerated

/// Passes bought ahead, so that a verification need not wait for one, and so that the time at which
/// one is bought says nothing about it. They need a ``RelayPassOptions/store``.
///
/// ```swift
/// try await client.passes.prefetch(claimType: "age_over18_verified", count: 20)
/// ```
public struct Passes: Sendable {
  private let client: NativeClient

  init(_ client: NativeClient) {
    self.client = client
  }

  /// Buys passes ahead. Each is billed. No more than 100 of a claim type, or `passPool` if that is
  /// more, are ever held ready. What was bought before an error or a cancellation stays in the pool; when the timeout is over, it
  /// returns how many it bought until then. Without one, each pass may take as long as a call. A strict
  /// client buys in the common hours only: it notes that passes are wanted, and buys none now, but in the
  /// sandbox.
  ///
  /// ```swift
  /// let bought = try await client.passes.prefetch(claimType: "age_over18_verified", count: 20)
  /// ```
  ///
  /// - Parameters:
  ///   - claimType: What the passes are for, such as `age_over18_verified`.
  ///   - count: How many to buy.
  ///   - timeout: How long the whole call may take.
  /// - Returns: How many were bought.
  /// - Throws: ``RelayPassError``: `invalidArgument` without an API key or a store, or for more
  ///   than that; `store`, and what ``Relays/issuePrivacyPass(claimType:timeout:)`` throws.
  @discardableResult
  public func prefetch(
    claimType: String,
    count: Int,
    timeout: Duration? = nil
  ) async throws -> Int {
    let arguments = PrefetchArguments(claimType: claimType, count: Int64(count))
    return Int(clamping: try await call(client.prefetchPasses, arguments, timeout: timeout))
  }

  /// How many passes of a claim type are ready. Nothing is sent.
  ///
  /// ```swift
  /// let ready = try await client.passes.count(claimType: "age_over18_verified")
  /// ```
  ///
  /// - Throws: ``RelayPassError``: `invalidArgument` without a store; `store`.
  public func count(claimType: String, timeout: Duration? = nil) async throws -> Int {
    let arguments = CountArguments(claimType: claimType)
    return Int(clamping: try await call(client.countPasses, arguments, timeout: timeout))
  }
}

extension Passes: CustomStringConvertible, CustomReflectable {
  /// Nothing but the name: what it holds is the client's.
  public var description: String { describe(self) }
  /// What a debugger and `dump` see: nothing.
  public var customMirror: Mirror { Mirror(self, children: [], displayStyle: .struct) }
}
