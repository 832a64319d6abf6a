// swift-tools-version: 6.0
// Programs that use the package as anybody's would: by depending on it, and on nothing else. Most
// live where those of the other languages are, and are linked into here.

import PackageDescription

func program(_ name: String) -> Target {
  .executableTarget(
    name: name, dependencies: [.product(name: "RelayPass", package: "swift")])
}

let package = Package(
  name: "Programs",
  platforms: [.macOS(.v13)],
  dependencies: [.package(path: "..")],
  targets: ["three-steps", "worker", "flows", "binding", "callback", "talkative", "readme", "docs-readme", "docs-storage"].map(program)
)
