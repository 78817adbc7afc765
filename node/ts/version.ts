/** The version of this package, such as `1.2.3`. */
export const VERSION = '0.1.0'
