#!/usr/bin/env bash
# Dokka: the pages of a library load a script, fonts and a style sheet from three other servers, in offline mode as well.
set -euo pipefail
PACKAGES='org.jetbrains.dokka:dokka-maven-plugin:2.0.0'
EXPECTED='in offline mode, pages that load what lies beside them'
SEEN='fonts.googleapis.com resources.jetbrains.com unpkg.com'

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
mkdir -p src/main/kotlin
echo 'class Hello { fun world(): String = "!" }' >src/main/kotlin/Hello.kt
cat >pom.xml <<END
<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>finding</groupId>
  <artifactId>finding</artifactId>
  <version>1</version>
  <build>
    <plugins>
      <plugin>
        <groupId>org.jetbrains.dokka</groupId>
        <artifactId>dokka-maven-plugin</artifactId>
        <version>${PACKAGES##*:}</version>
        <configuration>
          <offlineMode>true</offlineMode>
          <sourceDirectories><dir>\${project.basedir}/src/main/kotlin</dir></sourceDirectories>
        </configuration>
      </plugin>
    </plugins>
  </build>
</project>
END
mvn --quiet --batch-mode --no-transfer-progress "${PACKAGES%:*}:${PACKAGES##*:}:dokka" >log 2>&1 || { cat log >&2; exit 1; }
# What a browser loads by itself: scripts, style sheets, and what these name.
loads() {
	grep -rhoE --include='*.html' '<script[^>]*src="https?://[^"]*|<link[^>]*rel="stylesheet"[^>]*href="https?://[^"]*' target/dokka
	grep -rhoE --include='*.css' "(@import[^;]*|url\()['\"]?https?://[^'\")]*" target/dokka
}
said=$(loads | grep -oE '//[^/]+' | tr -d / | sort -u | paste -sd ' ')
printf '%s\nexpected: %s\nseen:     %s\n' "$PACKAGES" "$EXPECTED" "$said"
[ "$said" = "$SEEN" ] || { echo "this is no longer what was seen: $SEEN" >&2; exit 1; }
