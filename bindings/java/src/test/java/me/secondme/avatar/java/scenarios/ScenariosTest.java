package me.secondme.avatar.java.scenarios;

import static me.secondme.avatar.java.scenarios.Values.list;
import static me.secondme.avatar.java.scenarios.Values.map;
import static me.secondme.avatar.java.scenarios.Values.toJson;

import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.DynamicTest.dynamicTest;

import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;
import org.snakeyaml.engine.v2.api.Load;
import org.snakeyaml.engine.v2.api.LoadSettings;
import org.snakeyaml.engine.v2.schema.CoreSchema;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import java.util.stream.Stream;

/**
 * Plays {@code spec/scenarios}, which every language plays; what the files may say stands in their
 * README. It is in a package of its own, so it sees of the library what a program sees.
 */
class ScenariosTest {
    @TestFactory
    List<DynamicTest> everyScenarioIsKept() throws IOException {
        try (Stream<Path> all = Files.list(Path.of(System.getProperty("scenarios")))) {
            List<Path> files =
                    all.filter(file -> file.toString().endsWith(".yaml")).sorted().toList();
            assertFalse(files.isEmpty(), "there are no scenarios");
            return files.stream()
                    .map(file -> dynamicTest(file.getFileName().toString(), () -> play(file)))
                    .toList();
        }
    }

    private static void play(Path file) throws Exception {
        LoadSettings settings = LoadSettings.builder().setSchema(new CoreSchema()).build();
        Map<?, ?> scenario = map(new Load(settings).loadFromString(Files.readString(file)));
        List<?> steps = spelledOut(list(scenario.get("steps"))).toList();
        try (Stage stage = new Stage(scenario)) {
            for (int at = 0; at < steps.size(); at++) {
                try {
                    stage.play(map(steps.get(at)));
                } catch (Exception | AssertionError why) {
                    String where =
                            "%s, step %d, %s"
                                    .formatted(file.getFileName(), at + 1, toJson(steps.get(at)));
                    throw new AssertionError(
                            where + ": " + why.getMessage() + "\n" + stage.log(), why);
                }
            }
        }
    }

    /** The steps, with those of each {@code repeat} as often as it says. */
    private static Stream<?> spelledOut(List<?> steps) {
        return steps.stream()
                .flatMap(
                        step -> {
                            Map<?, ?> repeat = map(map(step).get("repeat"));
                            if (repeat == null) {
                                return Stream.of(step);
                            }
                            int times = ((Number) repeat.get("times")).intValue();
                            return IntStream.range(0, times)
                                    .boxed()
                                    .flatMap(round -> spelledOut(list(repeat.get("steps"))));
                        });
    }
}
