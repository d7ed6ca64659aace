"""Uploads a file to S3 by boto3, as a cron script of an administrator's does: ENDPOINT BUCKET FILE."""

import os
import sys

import boto3

endpoint, bucket, path = sys.argv[1:]
boto3.client("s3", endpoint_url=endpoint, region_name="eu-central-1").upload_file(path, bucket, os.path.basename(path))
