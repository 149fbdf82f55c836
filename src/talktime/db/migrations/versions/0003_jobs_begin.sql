-- A schema of its own for the queue of jobs, so that the laws of ours stay ours.
CREATE SCHEMA jobs;
SET LOCAL search_path = jobs;
