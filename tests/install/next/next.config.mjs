// The bundler leaves the package alone: the folder of the server gets it whole, with its addon.
export default { output: 'standalone', serverExternalPackages: ['relaypass'] };
