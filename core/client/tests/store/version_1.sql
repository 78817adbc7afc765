-- A store as the first release made it. It is never changed.
PRAGMA application_id = 1399669110;
PRAGMA user_version = 1;
CREATE TABLE records (
    avatar TEXT NOT NULL,
    visitor TEXT NOT NULL,
    record TEXT NOT NULL,
    PRIMARY KEY (avatar, visitor)
) STRICT, WITHOUT ROWID;
CREATE TABLE messages (
    position INTEGER PRIMARY KEY AUTOINCREMENT,
    avatar TEXT NOT NULL,
    visitor TEXT NOT NULL,
    message_id TEXT NOT NULL,
    owner INTEGER NOT NULL,
    message TEXT NOT NULL,
    UNIQUE (avatar, visitor, message_id)
) STRICT;
INSERT INTO records VALUES (
    'b12f1b42-7862-5c73-b060-d3f5a52ed09f',
    'web_b285770b-315a-534f-860b-4748c7db34cc',
    '{"v":1,"kept":{"visitor_id":"web_b285770b-315a-534f-860b-4748c7db34cc","credentials":{"token":"the-visitor-s-token","user_id":"del3p","mind_id":487569763543990272,"share_code":"code","avatar_name":"Ada","owner_user_id":"de4fh"},"context":{"mind_id":"m","opening":"what-the-visitor-said","since":1774580000000},"avatar_id":67,"session":{"id":"session-1","bound":true,"last_seq":"9","heard":[]}}}'
);
INSERT INTO messages VALUES (
    1,
    'b12f1b42-7862-5c73-b060-d3f5a52ed09f',
    'web_b285770b-315a-534f-860b-4748c7db34cc',
    '1_____1774580000000',
    17,
    '{"v":1,"kept":{"visitor":{"id":"web_b285770b-315a-534f-860b-4748c7db34cc","name":"Ada","channel":"web"},"message":{"message_id":"1_____1774580000000","text":"what-the-visitor-said","session":null,"since":1774580000000,"deadline":1774580015000,"left":false}}}'
);
INSERT INTO messages VALUES (
    2,
    'b12f1b42-7862-5c73-b060-d3f5a52ed09f',
    'web_b285770b-315a-534f-860b-4748c7db34cc',
    '2_____1774580000000',
    4611686018427387904,
    '{"v":1,"kept":{"visitor":{"id":"web_b285770b-315a-534f-860b-4748c7db34cc","name":"Ada","channel":"web"},"message":{"message_id":"2_____1774580000000","text":"what-the-visitor-said","session":null,"since":1774580000000,"deadline":1774580015000,"left":false}}}'
);
