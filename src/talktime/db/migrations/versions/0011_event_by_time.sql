-- What happened lately is found without reading the day. A summary per stretch of pages: nothing is written into it
-- while money moves, since stretches are summarised once they are full.
CREATE INDEX event_by_time ON event USING brin (recorded_at) WITH (pages_per_range = 32, autosummarize = on);
