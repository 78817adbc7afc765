//! The native addon of the npm package `secondme-avatar`.
