#!/usr/bin/env bash
# kotlinx-coroutines: a Flow as a publisher sends the first item while the subscriber is still in onSubscribe.
set -euo pipefail
PACKAGES='org.jetbrains.kotlinx:kotlinx-coroutines-jdk9:1.10.2'
EXPECTED='one signal after the other (rule 1.3 of reactive streams), and onError for a request of 0 (rule 3.9)'
SEEN='onNext came within onSubscribe: true; onError for a request of 0: false'

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
IFS=: read -r group artefact version <<<"$PACKAGES"
cat >pom.xml <<END
<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>finding</groupId>
  <artifactId>finding</artifactId>
  <version>1</version>
  <dependencies>
    <dependency><groupId>$group</groupId><artifactId>$artefact</artifactId><version>$version</version></dependency>
  </dependencies>
</project>
END
mvn --quiet --batch-mode --no-transfer-progress org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies -DoutputDirectory=lib
cat >Finding.java <<'END'
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Flow;
import java.util.concurrent.TimeUnit;
import kotlin.coroutines.EmptyCoroutineContext;
import kotlinx.coroutines.Dispatchers;
import kotlinx.coroutines.flow.FlowKt;
import kotlinx.coroutines.jdk9.ReactiveFlowKt;

public class Finding {
    static boolean early;
    static boolean told;

    public static void main(String[] args) throws InterruptedException {
        Flow.Publisher<Integer> publisher =
                ReactiveFlowKt.asPublisher(FlowKt.flowOf(1, 2, 3), Dispatchers.getIO().plus(EmptyCoroutineContext.INSTANCE));
        CountDownLatch item = new CountDownLatch(1);
        publisher.subscribe(new Nothing() {
            @Override
            public void onSubscribe(Flow.Subscription subscription) {
                subscription.request(1);
                try {
                    early = item.await(5, TimeUnit.SECONDS);
                } catch (InterruptedException stopped) {
                    throw new IllegalStateException(stopped);
                }
            }

            @Override
            public void onNext(Integer next) {
                item.countDown();
            }
        });
        CountDownLatch failure = new CountDownLatch(1);
        publisher.subscribe(new Nothing() {
            @Override
            public void onSubscribe(Flow.Subscription subscription) {
                subscription.request(0);
            }

            @Override
            public void onError(Throwable failed) {
                failure.countDown();
            }
        });
        told = failure.await(5, TimeUnit.SECONDS);
        System.out.println("onNext came within onSubscribe: " + early + "; onError for a request of 0: " + told);
        System.exit(0);
    }

    abstract static class Nothing implements Flow.Subscriber<Integer> {
        @Override
        public void onNext(Integer next) {}

        @Override
        public void onError(Throwable failed) {}

        @Override
        public void onComplete() {}
    }
}
END
javac -cp 'lib/*' Finding.java
said=$(java -cp 'lib/*:.' Finding)
printf '%s\nexpected: %s\nseen:     %s\n' "$PACKAGES" "$EXPECTED" "$said"
[ "$said" = "$SEEN" ] || { echo "this is no longer what was seen: $SEEN" >&2; exit 1; }
