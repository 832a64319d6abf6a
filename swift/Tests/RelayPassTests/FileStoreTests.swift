// The example that users copy: examples/stores/FileStore.swift.

import Foundation
import RelayPass
import Testing

@Suite struct FileStoreTests {
  @Test func itKeepsTheContract() async throws {
    let folder = try TemporaryFolder()
    let store = try FileStore(folder: folder.url)
    let report = try await checkStore(store, reopen: { try FileStore(folder: folder.url) })
    #expect(report.skipped.isEmpty)
    #expect(report.passed.contains("reopening"))
    let records = folder.url.appendingPathComponent("records").path
    let files = FileManager.default.enumerator(atPath: records)!.compactMap { $0 as? String }
    #expect(files.filter { $0.hasSuffix(".json") }.isEmpty, "it deletes what it made")
    let due = folder.url.appendingPathComponent("due").path
    #expect(try FileManager.default.contentsOfDirectory(atPath: due).isEmpty)
  }

  @Test func eightWritersWhoExpectTheSameVersion() async throws {
    let folder = try TemporaryFolder()
    for version in 1...20 as ClosedRange<UInt64> {
      let record = StoreRecord(value: Data([0, 255]), version: version, dueAt: 7, expiresAt: nil)
      let wins = try await withThrowingTaskGroup(of: Bool.self) { group in
        for _ in 1...8 {
          group.addTask {
            // A handle each, as eight processes would have.
            let store = try FileStore(folder: folder.url)
            let expected = version == 1 ? nil : version - 1
            return try await store.compareAndSwap("a/key", expected: expected, new: record)
          }
        }
        return try await group.reduce(0) { $0 + ($1 ? 1 : 0) }
      }
      #expect(wins == 1)
      let store = try FileStore(folder: folder.url)
      #expect(try await store.load("a/key") == record)
      #expect(try await store.scan(prefix: "a/", dueBefore: 7, limit: 9) == ["a/key"])
    }
  }

  @Test func whatACrashLeavesDoesNoHarm() async throws {
    let folder = try TemporaryFolder()
    let store = try FileStore(folder: folder.url)
    let record = StoreRecord(value: Data("one".utf8), version: 1, dueAt: 9, expiresAt: nil)
    #expect(try await store.compareAndSwap("key", expected: nil, new: record))
    // Died after it had written an entry, and half of a record.
    try Data("key".utf8).write(to: folder.url.appendingPathComponent("due/3-left"))
    try Data("gone".utf8).write(to: folder.url.appendingPathComponent("due/4-left"))
    try Data("{".utf8).write(to: folder.url.appendingPathComponent("new"))
    #expect(try await store.scan(prefix: "", dueBefore: 100, limit: 9) == ["key"])
    #expect(try await store.load("key") == record)
    let next = StoreRecord(value: Data("two".utf8), version: 2, dueAt: nil, expiresAt: nil)
    #expect(try await store.compareAndSwap("key", expected: 1, new: next))
    #expect(try await store.load("key") == next)
    #expect(try await store.scan(prefix: "", dueBefore: 100, limit: 9) == [])
  }

  @Test func aVerificationOnIt() async throws {
    let folder = try TemporaryFolder()
    let sandbox = try Sandbox()
    let first = try sandbox.client(store: FileStore(folder: folder.url))
    let started = try await first.verifications.start(claimType: claimType, reference: "order-1")
    try await sandbox.visit(started.hostedURL)
    let other = try sandbox.client(store: FileStore(folder: folder.url))
    #expect(try await other.verifications.complete(started.id).status == .passed)
    #expect(try await sandbox.ledger("billed", "double_spends") == [1, 0])
  }

  @Test func aDiskThatFailsIsTheCause() async throws {
    let folder = try TemporaryFolder()
    let store = try FileStore(folder: folder.url)
    let records = folder.url.appendingPathComponent("records")
    try FileManager.default.removeItem(at: records)
    try Data().write(to: records)
    let client = try RelayPass(.init(apiKey: "persona_sandbox_x", store: .custom(store)))
    let error = await thrown { try await client.verifications.get(UUID().uuidString.lowercased()) }
    #expect((error as? RelayPassError)?.code == .store)
    #expect((error as? RelayPassError)?.cause is CocoaError)
  }
}
