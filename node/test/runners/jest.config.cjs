module.exports = {
  rootDir: __dirname,
  testMatch: ['**/jest*.spec.cjs'],
  moduleFileExtensions: ['js', 'cjs', 'json', 'node'],
}
