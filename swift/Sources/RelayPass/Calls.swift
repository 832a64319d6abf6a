import Foundation
@preconcurrency internal import RelayPassGenerated

/// The calls in flight, by the numbers that the native library knows them by.
///
/// Errors cannot cross over to it. What a store throws in a call is kept here, and only its number
/// travels: into the native error, and back to the call, which finds the very object again.
enum Calls {
  private static let state = Locked(State())

  private struct State {
    var latest: UInt64 = 0
    var thrown: [UInt64: [any Error]] = [:]
  }

  /// Whether this is code that relaypass called, a store's method or a listener: a call may wait
  /// for it to end.
  @TaskLocal static var isCalledBack = false

  /// How many calls are in flight.
  static var count: Int { state.withLock(\.thrown.count) }

  /// Keeps what a store threw in a call, and says under which number; 0: nobody will ask for it.
  static func keep(_ error: any Error, in call: UInt64) -> UInt64 {
    state.withLock { state in
      guard state.thrown[call] != nil else { return 0 }
      state.thrown[call]!.append(error)
      return UInt64(state.thrown[call]!.count)
    }
  }

  fileprivate static func begin() -> UInt64 {
    state.withLock { state in
      state.latest += 1 // never 0: that number is for the background
      state.thrown[state.latest] = []
      return state.latest
    }
  }

  fileprivate static func end(_ call: UInt64) {
    state.withLock { _ = $0.thrown.removeValue(forKey: call) }
  }

  fileprivate static func thrown(_ number: UInt64, in call: UInt64) -> (any Error)? {
    state.withLock { pick(number, from: $0.thrown[call] ?? []) }
  }
}

/// What was kept under a number that counts from 1.
func pick(_ number: UInt64, from thrown: [any Error]) -> (any Error)? {
  guard let place = Int(exactly: number), thrown.indices.contains(place - 1) else { return nil }
  return thrown[place - 1]
}

/// Makes a native call that the task's cancellation takes back.
///
/// In a task that is cancelled already nothing is sent. An outcome that is there is given even if
/// the task was cancelled meanwhile: it may have cost money.
///
/// `start` makes the call of this number, with this limit in seconds; not a number: without one.
func call<Result>(
  timeout: Duration? = nil,
  isolation: isolated (any Actor)? = #isolation,
  _ start: (_ number: UInt64, _ seconds: Double) async throws -> Result
) async throws -> Result {
  try Task.checkCancellation()
  let number = Calls.begin()
  defer { Calls.end(number) }
  announceCall(number: number)
  do {
    return try await withTaskCancellationHandler {
      try await start(number, timeout?.inSeconds ?? .nan)
    } onCancel: {
      cancelCall(number: number)
    }
  } catch {
    throw translate(error) { Calls.thrown($0, in: number) }
  }
}

/// Makes a native call with these arguments.
func call<Arguments, Result>(
  _ method: (Arguments, _ number: UInt64, _ seconds: Double) async throws -> Result,
  _ arguments: Arguments,
  timeout: Duration?,
  isolation: isolated (any Actor)? = #isolation
) async throws -> Result {
  try await call(timeout: timeout) { number, seconds in
    try await method(arguments, number, seconds)
  }
}

/// Makes a native call that returns at once and calls nothing back.
func translatingErrors<Result>(_ start: () throws -> Result) throws -> Result {
  do {
    return try start()
  } catch {
    throw translate(error) { _ in nil }
  }
}

private func translate(_ error: any Error, thrown: (UInt64) -> (any Error)?) -> any Error {
  switch error as? CallError {
  case .Failed(let failure): RelayPassError(failure, cause: failure.thrown.flatMap(thrown))
  case .Cancelled: CancellationError()
  // A mistake of ours. What it says may hold anything, so it is not shown.
  case nil: RelayPassError.broken
  }
}

extension Duration {
  var inSeconds: Double {
    Double(components.seconds) + Double(components.attoseconds) / 1e18
  }
}

/// A value that one thread at a time may see.
final class Locked<Value>: @unchecked Sendable {
  private let lock = NSLock()
  private var value: Value

  init(_ value: Value) {
    self.value = value
  }

  func withLock<Result>(_ action: (inout Value) throws -> Result) rethrows -> Result {
    lock.lock()
    defer { lock.unlock() }
    return try action(&value)
  }
}
