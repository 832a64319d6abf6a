@preconcurrency internal import RelayPassGenerated

/// What ``checkStore(_:reopen:)`` checked.
///
/// ```swift
/// #expect(report.skipped.isEmpty)
/// ```
public struct StoreReport: Sendable, Hashable {
  /// The parts of the suite that passed.
  public let passed: [String]
  /// The parts that could not run: `reopening`, without `reopen`.
  public let skipped: [String]

  /// For tests of code that reads it; relaypass makes its own.
  public init(passed: [String], skipped: [String] = []) {
    self.passed = passed
    self.skipped = skipped
  }
}

/// A store breaks its contract.
///
/// ```swift
/// catch let violation as StoreViolation { print(violation.rule, violation.found) }
/// ```
public struct StoreViolation: Error, CustomStringConvertible {
  /// The rule, in one sentence.
  public let rule: String
  /// What happened instead.
  public let found: String
  /// What a method of the store threw, if that broke the rule: the same object.
  public let cause: (any Error)?
  /// Rule and finding in one text.
  public let description: String

  /// For tests of code that handles it; relaypass makes its own.
  public init(rule: String, found: String, cause: (any Error)? = nil) {
    self.init(rule: rule, found: found, cause: cause, description: "\(rule) \(found)")
  }

  fileprivate init(rule: String, found: String, cause: (any Error)?, description: String) {
    self.rule = rule
    self.found = found
    self.cause = cause
    self.description = description
  }
}

/// Checks that a store keeps the contract of ``RelayStore``, in a second or two: atomicity under
/// concurrent writers, order and paging of `scan`, every allowed character, deletion, late writes.
///
/// Its keys begin with `conformance/` and a random part, so it may run on a store in use; it
/// deletes what it made. What no program can check on itself is that a record survives a crash of
/// the machine.
///
/// ```swift
/// @Test func myStore() async throws {
///   try await checkStore(MyStore(pool), reopen: { MyStore(otherPool) })
/// }
/// ```
///
/// - Parameters:
///   - store: The store.
///   - reopen: Gives another handle on the same data: a second connection or object, as another
///     process would have it. Called several times. With it the suite checks as well what one
///     handle sees of another's work.
/// - Throws: ``StoreViolation``: the first rule that the store breaks. If a method threw, what it
///   threw is the cause.
@discardableResult
public func checkStore(
  _ store: any RelayStore,
  reopen: (@Sendable () async throws -> any RelayStore)? = nil
) async throws -> StoreReport {
  // The suite is no call of a client: what is thrown in it is kept here.
  let thrown = Locked<[any Error]>([])
  let keep: @Sendable (any Error, UInt64) -> UInt64 = { error, _ in
    thrown.withLock { thrown in
      thrown.append(error)
      return UInt64(thrown.count)
    }
  }
  let checked: CheckRecord
  do {
    checked = try await RelayPassGenerated.checkStore(
      store: StoreAdapter(store, keep: keep),
      reopen: reopen.map { ReopenAdapter($0, keep: keep) })
  } catch {
    throw RelayPassError.broken
  }
  if let broken = checked.violation {
    let cause = broken.thrown.flatMap { number in thrown.withLock { pick(number, from: $0) } }
    throw StoreViolation(
      rule: broken.rule, found: broken.found, cause: cause, description: broken.message)
  }
  return StoreReport(passed: checked.passed, skipped: checked.skipped)
}

private final class ReopenAdapter: HostReopen {
  private let open: @Sendable () async throws -> any RelayStore
  private let keep: @Sendable (any Error, UInt64) -> UInt64

  init(
    _ open: @escaping @Sendable () async throws -> any RelayStore,
    keep: @escaping @Sendable (any Error, UInt64) -> UInt64
  ) {
    self.open = open
    self.keep = keep
  }

  func reopen() async throws -> Reopened {
    do {
      return Reopened(store: StoreAdapter(try await open(), keep: keep))
    } catch {
      throw HostFailure.Thrown(number: keep(error, 0))
    }
  }
}
