import Foundation

#if canImport(Glibc)
  import Glibc
#endif

/// Closed until it is opened; who waits at it is not moved by cancellation.
actor Gate {
  private var isOpen = false
  private var waiting: [CheckedContinuation<Void, Never>] = []

  func pass() async {
    if isOpen { return }
    await withCheckedContinuation { waiting.append($0) }
  }

  /// For tests: waits until it is open, and not for ever.
  nonisolated func opened() async throws {
    try await eventually("the gate is opened") { await self.isOpen }
  }

  func open() {
    isOpen = true
    waiting.forEach { $0.resume() }
    waiting = []
  }
}

/// Waits until a condition holds; not for ever.
func eventually(_ what: String, _ condition: () async -> Bool) async throws {
  for _ in 0..<5_000 {
    if await condition() { return }
    try await Task.sleep(for: .milliseconds(2))
  }
  throw Broken("it never came true that \(what)")
}

/// A server that takes connections and never answers.
final class SilentServer: Sendable {
  let url: String
  /// A request arrived.
  let asked = Gate()
  /// The client hung up.
  let left = Gate()

  private let socket: Int32

  init() throws {
    #if canImport(Glibc)
      let type = Int32(SOCK_STREAM.rawValue)
    #else
      let type = SOCK_STREAM
    #endif
    socket = Foundation.socket(AF_INET, type, 0)
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
    var size = socklen_t(MemoryLayout<sockaddr_in>.size)
    let (listening, file) = (socket, socket)
    let ready = withUnsafeMutablePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
        bind(file, address, size) == 0 && listen(file, 8) == 0
          && getsockname(file, address, &size) == 0
      }
    }
    guard ready else { throw Broken("no socket: \(errno)") }
    url = "http://127.0.0.1:\(UInt16(bigEndian: address.sin_port))"
    Thread.detachNewThread { [asked, left] in
      while case let connection = accept(listening, nil, nil), connection >= 0 {
        Thread.detachNewThread {
          var buffer = [UInt8](repeating: 0, count: 4_096)
          while read(connection, &buffer, buffer.count) > 0 {
            Task { await asked.open() }
          }
          close(connection)
          Task { await left.open() }
        }
      }
    }
  }

  deinit {
    shutdown(socket, Int32(SHUT_RDWR))
    close(socket)
  }
}
