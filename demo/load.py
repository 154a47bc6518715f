"""Puts the demo's files into a bucket that speaks S3 and declares them as tables of a running server.

`make lake` calls it for the processes that it started; as a program it does the same for servers that run already,
which environment variables name, as in docker-compose.yml. What is there already is left as it is.
"""

import os
import sys
import time
from dataclasses import dataclass

from adbc_driver_flightsql import dbapi
from pyarrow import fs

from demo import run

BUCKET = "lake"
FOLDER = "flights"
WAIT_SECONDS_MAX = 120


@dataclass
class Bucket:
    """A store that speaks S3, as the server and this program reach it, and the keys of its user."""

    endpoint: str
    key: str
    secret: str

    def upload(self, folder):
        """Copies the files of a folder into the bucket, which is made if it is not there."""
        scheme, _, host = self.endpoint.partition("://")
        store = fs.S3FileSystem(
            access_key=self.key,
            secret_key=self.secret,
            endpoint_override=host,
            scheme=scheme,
            region="us-east-1",
            allow_bucket_creation=True,
        )
        store.create_dir(BUCKET)
        for path in sorted(folder.iterdir()):
            if path.suffix in (".parquet", ".csv"):
                fs.copy_files(str(path), f"{BUCKET}/{FOLDER}/{path.name}", destination_filesystem=store)

    def statements(self):
        """The statements that make the bucket's files tables."""
        yield f"CREATE CREDENTIAL IF NOT EXISTS lake TYPE S3 WITH (access_key_id = '{self.key}', secret_access_key = '{self.secret}')"
        yield (
            f"CREATE LOCATION IF NOT EXISTS lake URL 's3://{BUCKET}/' CREDENTIAL lake WITH "
            f"(endpoint = '{self.endpoint}', region = 'us-east-1', path_style = true, allow_http = true)"
        )
        for statement in run.statements(f"s3://{BUCKET}/{FOLDER}"):
            yield statement.replace("CREATE EXTERNAL TABLE", "CREATE EXTERNAL TABLE IF NOT EXISTS")


def load(bucket, connection):
    """Uploads the files and declares the tables."""
    bucket.upload(run.FOLDER / "data")
    for statement in bucket.statements():
        run.execute(connection, statement)


def main():
    """Loads into what the environment names; waits until it is up."""
    bucket = Bucket(os.environ["S3_ENDPOINT"], os.environ["S3_KEY"], os.environ["S3_SECRET"])
    login = {"username": "admin", "password": os.environ["LAKEGATE_PASSWORD"]}
    deadline = time.monotonic() + WAIT_SECONDS_MAX
    while True:
        try:
            with dbapi.connect(os.environ["LAKEGATE_URL"], db_kwargs=login, autocommit=True) as connection:
                load(bucket, connection)
            print("loaded: flights, airports, weather, birdstrikes")
            return
        except (dbapi.Error, OSError) as error:
            if time.monotonic() > deadline:
                sys.exit(f"load: {error}")
            time.sleep(1)


if __name__ == "__main__":
    main()
