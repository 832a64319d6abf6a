// A store in a folder of files, for the processes of one machine: try FileStore(folder: url).
//
// One file for each record, and one for each record that is due some day, so that a scan reads only
// what is open. Every change is made under one lock (flock), written to a new file, flushed to the
// disk and renamed into place: a reader sees the old record or the new one, and what compareAndSwap
// said survives a crash. The folder must not be on a network: flock and rename promise less there.

import Foundation
import RelayPass

struct FileStore: RelayStore {
  private let records: URL
  private let due: URL
  private let lock: URL
  /// Waiting for a disk is not for the threads that run Swift's tasks.
  private let queue = DispatchQueue(label: "FileStore", attributes: .concurrent)

  /// Opens the store in a folder, which is made if it is not there.
  init(folder: URL) throws {
    records = folder.appendingPathComponent("records")
    due = folder.appendingPathComponent("due")
    lock = folder.appendingPathComponent("lock")
    for folder in [records, due] { try makeFolder(folder) }
  }

  func load(_ key: String) async throws -> StoreRecord? {
    try await onQueue { try read(key)?.record }
  }

  func compareAndSwap(_ key: String, expected: UInt64?, new: StoreRecord?) async throws -> Bool {
    try await onQueue {
      try locked {
        let old = try read(key)
        guard old?.record.version == expected else { return false }
        if let new {
          try replace(key, with: new)
        } else if old != nil {
          try remove(file(of: key))
        }
        // Last: a scan believes an entry only if the record names it, so one too many does no harm.
        if let entry = old?.entry { try remove(due.appendingPathComponent(entry)) }
        return true
      }
    }
  }

  func scan(prefix: String, dueBefore: UInt64?, limit: Int) async throws -> [String] {
    try await onQueue {
      guard let dueBefore else { return Array(try keys(prefix).sorted().prefix(limit)) }
      let found = try dueKeys(prefix, dueBefore).sorted { ($0.0, $0.1) < ($1.0, $1.1) }
      return found.prefix(limit).map(\.1)
    }
  }

  // Records

  private struct Stored: Codable {
    let record: StoreRecord
    /// The name of its file in `due`.
    let entry: String?
  }

  private func replace(_ key: String, with record: StoreRecord) throws {
    var entry: String?
    if let dueAt = record.dueAt {
      entry = "\(dueAt)-\(UUID().uuidString)"
      try write(Data(key.utf8), to: due.appendingPathComponent(entry!))
    }
    try write(try JSONEncoder().encode(Stored(record: record, entry: entry)), to: file(of: key))
  }

  private func read(_ key: String) throws -> Stored? {
    guard let content = try contents(of: file(of: key)) else { return nil }
    return try JSONDecoder().decode(Stored.self, from: content)
  }

  private func keys(_ prefix: String) throws -> [String] {
    guard let files = FileManager.default.enumerator(atPath: records.path) else { return [] }
    var keys: [String] = []
    for case let path as String in files where path.hasSuffix(".json") {
      let digits = Array(path.dropLast(".json".count).utf8).filter { $0 != UInt8(ascii: "/") }
      let bytes = stride(from: 0, to: digits.count, by: 2).compactMap {
        UInt8(String(decoding: digits[$0..<min($0 + 2, digits.count)], as: UTF8.self), radix: 16)
      }
      let key = String(decoding: bytes, as: UTF8.self)
      if key.hasPrefix(prefix) { keys.append(key) }
    }
    return keys
  }

  private func dueKeys(_ prefix: String, _ dueBefore: UInt64) throws -> [(UInt64, String)] {
    var keys: [(UInt64, String)] = []
    for entry in try FileManager.default.contentsOfDirectory(atPath: due.path) {
      guard let dueAt = UInt64(entry.prefix { $0 != "-" }), dueAt <= dueBefore,
        let content = try contents(of: due.appendingPathComponent(entry))
      else { continue }
      let key = String(decoding: content, as: UTF8.self)
      if key.hasPrefix(prefix), try read(key)?.entry == entry { keys.append((dueAt, key)) }
    }
    return keys
  }

  /// The key in hexadecimal: keys may hold `/`, and some file systems take `a` and `A` for one. In
  /// pieces, because names of files are shorter than keys may be.
  private func file(of key: String) -> URL {
    let digits = key.utf8.map { String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }
    let pieces = stride(from: 0, to: digits.count, by: 100).map {
      digits[$0..<min($0 + 100, digits.count)].joined()
    }
    return URL(fileURLWithPath: "\(records.path)/\(pieces.joined(separator: "/")).json")
  }

  // Files

  private func onQueue<Answer: Sendable>(
    _ work: @escaping @Sendable () throws -> Answer
  ) async throws -> Answer {
    try await withCheckedThrowingContinuation { continuation in
      queue.async { continuation.resume(with: Result(catching: work)) }
    }
  }

  /// Alone among all processes that have this folder open. The lock ends with its file, and so with
  /// the process.
  private func locked<Answer>(_ action: () throws -> Answer) throws -> Answer {
    let file = try check(open(lock.path, O_CREAT | O_RDWR | O_CLOEXEC, 0o600))
    defer { close(file) }
    while flock(file, LOCK_EX) == -1 {
      if errno != EINTR { throw currentError() }
    }
    return try action()
  }

  private func write(_ content: Data, to url: URL) throws {
    let folder = url.deletingLastPathComponent()
    try makeFolder(folder)
    // Not in the folder that scans read. One writer at a time, and one left by a crash is
    // overwritten.
    let new = lock.deletingLastPathComponent().appendingPathComponent("new")
    let file = try check(open(new.path, O_CREAT | O_WRONLY | O_TRUNC | O_CLOEXEC, 0o600))
    defer { close(file) }
    var rest = content[...]
    while !rest.isEmpty {
      rest = rest.dropFirst(try rest.withUnsafeBytes { bytes in
        try check(Foundation.write(file, bytes.baseAddress, bytes.count))
      })
    }
    try check(fsync(file))
    try check(rename(new.path, url.path))
    try flush(folder)
  }

  private func remove(_ url: URL) throws {
    if unlink(url.path) == -1, errno != ENOENT { throw currentError() }
    try flush(url.deletingLastPathComponent())
  }
}

private func contents(of url: URL) throws -> Data? {
  do {
    return try Data(contentsOf: url)
  } catch CocoaError.fileReadNoSuchFile {
    return nil
  }
}

private func makeFolder(_ folder: URL) throws {
  if FileManager.default.fileExists(atPath: folder.path) { return }
  try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
  try flush(folder.deletingLastPathComponent())
}

/// Makes what was renamed or removed in a folder survive a crash of the machine.
private func flush(_ folder: URL) throws {
  let file = try check(open(folder.path, O_RDONLY | O_CLOEXEC))
  defer { close(file) }
  try check(fsync(file))
}

@discardableResult
private func check<Number: SignedInteger>(_ result: Number) throws -> Number {
  if result == -1 { throw currentError() }
  return result
}

private func currentError() -> any Error {
  POSIXError(POSIXErrorCode(rawValue: errno) ?? .EIO)
}
